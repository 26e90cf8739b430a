import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatHostPort } from '../../src/base/host-port.ts';
import { operatorPort, operatorSelector, syncPort, syncServiceName } from '../../src/contract/operator-names.ts';
import { run } from '../cluster/command.ts';
import { counterOf } from '../cluster/network-policy.ts';
import { waitFor } from '../cluster/wait.ts';
import {
  type DnsServer,
  framed,
  goodAnswer,
  startTcpServer,
  startUdpServer,
} from '../unit/agent/servers/dns-server.ts';
import { type NtpServer, ntpAnswer, startNtpServer } from '../unit/agent/servers/ntp-server.ts';
import { type Agent, agentsOf, clusterIpOf, getJson, hostOf, metricsOf } from './agents.ts';
import { dashboardGaps } from './dashboard-data.ts';
import { EnforcedPolicies } from './enforced-policies.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  netExporter,
  operatorNamespace,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  scrapeIntervalSeconds,
  tellOnFailure,
  waitForSync,
} from './environment.ts';
import type { Metrics } from './metrics.ts';

const namespace = 'e2e-policy';
const name = 'guarded';
/**
 * Where a cache of DNS on the node usually listens, and nothing does here. With IPv6 it listens at an address of the
 * administrator's choice, which pods then have in their resolv.conf.
 */
const nodeLocalAddress = '169.254.20.10';
/** A port at which nothing listens. */
const closedPort = 9999;

/** Who dials, and what. Whether it gets there: under Strict, and under Ingress. Without a policy everything does. */
interface Dial {
  title: string;
  netns: string;
  address: string;
  port: number;
  /** `TCP` unless told. */
  protocol?: 'UDP';
  strict: boolean;
  ingress: boolean;
}

let env: Environment;
let agents: Agent[];
let dials: Dial[];
let machine: string;
/** What pods have in their resolv.conf. */
let dnsServiceAddress: string;
let dnsServer: DnsServer;
let ntpServer: NtpServer;
let datagrams: Datagrams;
const servers = new AsyncDisposableStack();

before(async () => {
  env = await environment();
  machine = (await getJson<{ endpoints: { addresses: string[] }[] }>(env.kubectl, ['endpointslice', 'kubernetes']))
    .endpoints[0]!.addresses[0]!;
  dnsServer = await startDnsServer(machine);
  ntpServer = servers.use(await startNtpServer((request, send) => send(ntpAnswer(request)), machine));
  datagrams = servers.use(await Datagrams.listen(machine));
  dnsServiceAddress = await clusterIpOf(env.kubectl, 'kube-system', 'kube-dns');
  for (const node of env.cluster.nodes)
    await env.cluster.exec(node.name, ['ip', 'address', 'replace', `${nodeLocalAddress}/32`, 'dev', 'lo']);
  await restrictedNamespace(env.kubectl, namespace);
  agents = await readyNetExporter(env, namespace, name, specWith('Strict'));
  dials = await dialsOf(agents);
});

after(async () => {
  for (const node of env.cluster.nodes)
    await env.cluster.exec(node.name, ['ip', 'address', 'del', `${nodeLocalAddress}/32`, 'dev', 'lo']);
  await removeNamespace(env.kubectl, namespace);
  await servers.disposeAsync();
});

function specWith(networkPolicy: string, dnsInterval = quick.interval): object {
  return {
    dns: { ...quick, interval: dnsInterval, servers: [formatHostPort(dnsServer.host, dnsServer.port)] },
    network: { ...quick, protocols: ['TCP', 'UDP'] },
    ntp: { ...quick, enabled: true, servers: [formatHostPort(ntpServer.host, ntpServer.port)] },
    monitoring: { networkPolicy },
  };
}

/** As a policy writes a single address. */
function ownNetwork(address: string): string {
  return `${address}/${isIPv6(address) ? 128 : 32}`;
}

/** A resolver outside the cluster, by both protocols at one port. */
async function startDnsServer(host: string): Promise<DnsServer> {
  const tcp = servers.use(await startTcpServer((query, socket) => socket.write(framed(goodAnswer(query))), host));
  servers.use(await startUdpServer((query, send) => send(goodAnswer(query)), host, tcp.port));
  return tcp;
}

/** Takes whatever datagrams come to a port that is nobody's. */
class Datagrams implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #taken = new Set<string>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message) => this.#taken.add(message.toString().trim()));
  }

  static async listen(host: string): Promise<Datagrams> {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4').bind(0, host);
    await once(socket, 'listening');
    return new Datagrams(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  has(text: string): boolean {
    return this.#taken.has(text);
  }

  async [Symbol.asyncDispose]() {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

interface RunningPod {
  metadata: { name: string; deletionTimestamp?: string };
  status: { podIPs: { ip: string }[] };
}

async function dialsOf([agent, peer]: Agent[]): Promise<Dial[]> {
  const pods = async (namespace: string, labels: Record<string, string>) => {
    const selector = Object.entries(labels).map((pair) => pair.join('='));
    const args = ['pods', '-n', namespace, '-l', selector.join(), '--field-selector=status.phase=Running'];
    const { items } = await getJson<{ items: RunningPod[] }>(env.kubectl, args);
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata, status }) => ({ pod: metadata.name, addresses: status.podIPs.map(({ ip }) => ip) }));
  };
  const [operator] = await pods(operatorNamespace, operatorSelector);
  const [dns] = await pods('kube-system', { 'k8s-app': 'kube-dns' });
  const peerAddresses = (await pods(namespace, { 'app.kubernetes.io/instance': name })).find(
    ({ pod }) => pod === peer!.pod,
  )!.addresses;
  const leader = await clusterIpOf(env.kubectl, operatorNamespace, syncServiceName);
  const node = env.cluster.nodes.find((candidate) => candidate.name === agent!.node)!;
  const fromAgent = { netns: await env.cluster.podNetns(namespace, agent!.pod) };
  const fromStranger = { netns: await env.cluster.podNetns('kube-system', dns!.pod) };
  const fromMachine = { netns: '/proc/self/ns/net' };
  const [toOperator, toDns] = [{ address: operator!.addresses[0]! }, { address: dns!.addresses[0]! }];
  const [always, never, unlessStrict] = [
    { strict: true, ingress: true },
    { strict: false, ingress: false },
    { strict: false, ingress: true },
  ];
  return [
    ...peerAddresses.flatMap((address) => [
      { title: `an agent dials another one at ${address}`, ...fromAgent, address, port: peer!.port, ...always },
      {
        title: `an agent dials no port but the agents’ at ${address}`,
        ...fromAgent,
        address,
        port: closedPort,
        ...never,
      },
    ]),
    { title: 'an agent calls the operator', ...fromAgent, ...toOperator, port: syncPort, ...always },
    { title: 'an agent calls the leader', ...fromAgent, address: leader, port: syncPort, ...always },
    ...(isIPv6(agent!.ip)
      ? []
      : [
          { title: 'an agent asks a cache on its node', ...fromAgent, address: nodeLocalAddress, port: 53, ...always },
          { title: 'what else is on the node', ...fromAgent, address: nodeLocalAddress, port: 80, ...unlessStrict },
        ]),
    { title: 'the kubelet', ...fromAgent, address: node.addresses[0]!, port: 10_250, ...unlessStrict },
    {
      title: 'the API server behind its Service',
      ...fromAgent,
      address: await clusterIpOf(env.kubectl, 'default', 'kubernetes'),
      port: 443,
      ...unlessStrict,
    },
    { title: 'another port of a time server', ...fromAgent, address: machine, port: 6443, ...unlessStrict },
    {
      title: 'another port of a time server, by UDP',
      ...fromAgent,
      address: machine,
      port: datagrams.port,
      protocol: 'UDP',
      ...unlessStrict,
    },
    { title: 'another port of the cluster’s DNS', ...fromAgent, ...toDns, port: 9153, ...unlessStrict },
    { title: 'another port of the operator', ...fromAgent, ...toOperator, port: operatorPort, ...unlessStrict },
    { title: 'a stranger scrapes an agent', ...fromStranger, address: agent!.ip, port: agent!.port, ...always },
    { title: 'a stranger at another port', ...fromStranger, address: agent!.ip, port: closedPort, ...never },
    { title: 'a stranger scrapes the operator', ...fromStranger, ...toOperator, port: operatorPort, ...always },
    { title: 'a stranger calls the operator', ...fromStranger, ...toOperator, port: syncPort, ...never },
    { title: 'a Prometheus outside', ...fromMachine, address: agent!.ip, port: agent!.port, ...always },
    { title: 'someone outside', ...fromMachine, address: agent!.ip, port: closedPort, ...never },
  ];
}

/**
 * Whether a SYN, to which a refusal is an answer, too, or a datagram gets to where it is sent.
 * @param expected how long it may take: to be found blocked costs all of it
 */
async function arrives(dial: Dial, expected: boolean): Promise<boolean> {
  const seconds = expected ? 60 : 3;
  return dial.protocol === 'UDP' ? datagramArrives(dial, seconds) : synArrives(dial, seconds);
}

async function synArrives({ netns, address, port }: Dial, seconds: number): Promise<boolean> {
  // By `exec` the shell dials itself, so that no child outlives it.
  const script = `echo dialling; exec 3<>/dev/tcp/${address}/${port}`;
  const child = spawn('nsenter', [`--net=${netns}`, 'bash', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let timeout: NodeJS.Timeout | undefined;
  // Not before: on a busy machine it takes longer to start than a blocked dial may take.
  child.stdout.once('data', () => {
    timeout = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  });
  const [[code, signal], errors] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  clearTimeout(timeout);
  if (code === 0 || /refused/i.test(errors)) return true;
  if (signal === 'SIGKILL' && errors === '') return false;
  throw new Error(`a dial of ${address} at port ${port} failed: ${errors}`);
}

async function datagramArrives({ netns, address, port }: Dial, seconds: number): Promise<boolean> {
  const token = randomUUID();
  const end = performance.now() + seconds * 1000;
  while (!datagrams.has(token) && performance.now() < end) {
    await run(['nsenter', `--net=${netns}`, 'bash', '-c', `echo ${token} >/dev/udp/${address}/${port}`]);
    await sleep(200);
  }
  return datagrams.has(token);
}

/** What does not come out as it should, each in a sentence. */
async function deviations(expected: (dial: Dial) => boolean): Promise<string[]> {
  const found = await Promise.all(
    dials.map(async (dial) => {
      const should = expected(dial);
      const does = await arrives(dial, should);
      return does === should ? [] : [`${dial.title}: ${does ? 'is let through' : 'is blocked'}`];
    }),
  );
  return found.flat();
}

/** What an agent has measured so far, each target by each protocol. */
function measured(metrics: Metrics): Map<string, number> {
  const counts = ['dns', 'network', 'ntp'].flatMap((probe) =>
    metrics
      .find(`${probe}_latency_seconds_count`)
      .map(({ labels, value }): [string, number] => [`${probe} ${JSON.stringify(labels)}`, value]),
  );
  return new Map(counts);
}

/** Matches a line of a probe's target. */
function seriesOf(probe: string, host: string, protocol?: string): RegExp {
  const labels = [host, protocol].flatMap((text) => (text === undefined ? [] : `.*"${RegExp.escape(text)}"`));
  return new RegExp(`^${probe} ${labels.join('')}`, 'm');
}

/** Waits until every agent has reached each of its targets twice from now on, by each protocol. */
async function everythingIsMeasured(): Promise<void> {
  await Promise.all(agents.map(everythingIsMeasuredBy));
}

async function everythingIsMeasuredBy(agent: Agent): Promise<void> {
  const before = measured(await metricsOf(agent));
  const targets = [...before.keys()].join('\n');
  for (const peer of agents)
    for (const protocol of ['TCP', 'UDP'])
      if (peer !== agent) assert.match(targets, seriesOf('network', hostOf(peer), protocol));
  for (const { host, port } of [dnsServer, { host: dnsServiceAddress, port: 53 }])
    for (const protocol of ['TCP', 'UDP']) assert.match(targets, seriesOf('dns', formatHostPort(host, port), protocol));
  assert.match(targets, seriesOf('ntp', formatHostPort(ntpServer.host, ntpServer.port)));
  await waitFor(
    `two more answers of every target of ${agent.pod}`,
    async () => {
      // A plan may have changed in between: what counts is what is a target now.
      const now = [...measured(await metricsOf(agent))];
      const missing = now.filter(([target, count]) => count < (before.get(target) ?? 0) + 2);
      if (missing.length > 0) throw new Error(missing.join('\n'));
      return true;
    },
    { timeout: deadline, interval: 500 },
  );
}

/** What was kept from the agents, and what they were kept from; of it, what is more than nothing. */
async function droppedOfAgents(enforced: EnforcedPolicies): Promise<[string, number][]> {
  const counters = agents.flatMap(({ pod }) =>
    (['ingress', 'egress'] as const).map((direction) => counterOf(direction, { namespace, name: pod })),
  );
  return [...(await enforced.dropped())].filter(([name, packets]) => counters.includes(name) && packets > 0);
}

test('where nobody enforces policies everything is reached, so that what is blocked below is blocked by them', async (t) => {
  tellOnFailure(t, env, namespace);
  assert.deepEqual(await deviations(() => true), []);
});

for (const mode of ['Strict', 'Ingress'] as const)
  test(`with ${mode} everything that agents need works, nothing of it is dropped, and what is not allowed is`, async (t) => {
    tellOnFailure(t, env, namespace);
    await apply(env.kubectl, netExporter(namespace, name, specWith(mode)));
    await waitFor(
      `the policy for ${mode}`,
      async () => {
        const args = ['networkpolicy', '-n', namespace, `${name}-agent`];
        const { spec } = await getJson<{ spec: { policyTypes: string[] } }>(env.kubectl, args);
        if (mode === 'Ingress') return !spec.policyTypes.includes('Egress');
        // Behind that address are pods here, and on other clusters a cache on the node.
        const text = JSON.stringify(spec);
        // OVN-Kubernetes takes a named port for any port.
        return text.includes(`"${ownNetwork(dnsServiceAddress)}"`) && !/"port":"/.test(text);
      },
      { timeout: deadline },
    );
    const enforced = await EnforcedPolicies.start(env);
    try {
      await everythingIsMeasured();
      // On the connections that there are; that others can be made is dialled below.
      await apply(env.kubectl, netExporter(namespace, name, specWith(mode, '2s')));
      await waitForSync(env.kubectl, namespace, name, agents.length);
      assert.deepEqual(await droppedOfAgents(enforced), []);
      assert.deepEqual(await deviations((dial) => dial[mode === 'Strict' ? 'strict' : 'ingress']), []);
      const [sent, taken] = (['egress', 'ingress'] as const).map((direction) =>
        counterOf(direction, { namespace, name: agents[0]!.pod }),
      );
      const dropped = new Map(await droppedOfAgents(enforced));
      assert.ok(dropped.get(taken!)! >= 2, 'nobody but the policy may have kept strangers away');
      assert.equal(dropped.get(sent!) !== undefined, mode === 'Strict');
      const now = await agentsOf(env.kubectl, namespace, name);
      assert.deepEqual(
        now.map(({ uid, ready, restarts }) => ({ uid, ready, restarts })),
        agents.map(({ uid, restarts }) => ({ uid, ready: true, restarts })),
        'the kubelet’s probes are let through',
      );
    } finally {
      await enforced.stop();
    }
  });

test('every query of the dashboard has data in Prometheus, of everything and of chosen nodes and zones', async (t) => {
  // Here, because these agents make every kind of probe, each second.
  tellOnFailure(t, env, namespace);
  const nodes = env.cluster.nodes.slice(0, 2);
  const zones = [...new Set(nodes.map(({ zone }) => zone))];
  const chosen = { namespace: [namespace], netexporter: [name], node: nodes.map((node) => node.name), zone: zones };
  for (const choices of [{}, chosen])
    await waitFor(
      'data of every query of the dashboard',
      async () => {
        const view = { choices, scrapeIntervalSeconds: scrapeIntervalSeconds, rangeSeconds: 300 };
        const gaps = await dashboardGaps(env.prometheus, view);
        if (gaps.length > 0) throw new Error(gaps.join('\n'));
        return true;
      },
      { timeout: deadline, interval: 5000 },
    );
});

/** An EndpointSlice of a DNS pod that does not exist. */
const sliceAt = (port: number) => ({
  ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
  metadata: { name: 'own-dns', namespace, labels: { 'kubernetes.io/service-name': 'own-dns' } },
  ...{ addressType: 'IPv6', ports: [{ name: 'dns', port, protocol: 'UDP' }] },
  endpoints: [{ addresses: ['fd00:ffff::1'] }],
});

test('the strict policy follows the ports of the DNS pods', async (t) => {
  tellOnFailure(t, env, namespace);
  const spec = { dns: { ...quick, service: { namespace, name: 'own-dns' } }, monitoring: { networkPolicy: 'Strict' } };
  await apply(env.kubectl, netExporter(namespace, 'follower', spec));
  for (const port of [5353, 1053]) {
    await apply(env.kubectl, sliceAt(port));
    await waitFor(
      `a policy with port ${port}`,
      async () => {
        const args = ['networkpolicy', '-n', namespace, 'follower-agent'];
        const policy = await getJson<{ spec: { egress: { ports: { port: number | string }[] }[] } }>(env.kubectl, args);
        const ports = new Set(policy.spec.egress[1]!.ports.map((each) => each.port));
        return [...ports].join() === [53, port].join();
      },
      { timeout: deadline, interval: 500 },
    );
  }
});
