import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { formatHostPort } from '../../src/base/host-port.ts';
import { operatorPort } from '../../src/contract/operator-names.ts';
import { waitFor } from '../cluster/wait.ts';
import { getNetExporter } from './agents.ts';
import { processesOf } from './container-process.ts';
import {
  apply,
  deadline,
  type Environment,
  editIsReconciled,
  environment,
  netExporter,
  operatorNamespace,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';
import { type LeaseStatus, leaseOf, type OperatorPod, operatorMetrics, operatorsOf } from './operators.ts';

const namespace = 'e2e-leader';
const name = 'led';
let env: Environment;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  // On no node: what is looked at is the operators' work, not the agents'.
  await apply(
    env.kubectl,
    netExporter(namespace, name, { agent: { nodeSelector: { 'net-exporter.dev/nowhere': '' } } }),
  );
});

after(() => removeNamespace(env.kubectl, namespace));

/** Waits until both operators are ready and one of them leads, as they say themselves: a pod's status is behind. */
function bothReady(): Promise<{ lease: LeaseStatus; leader: OperatorPod; standby: OperatorPod }> {
  return waitFor(
    'two operators to be ready, and one of them to lead',
    async () => {
      const operators = await operatorsOf(env);
      const lease = await leaseOf(env);
      const leader = operators.find(({ name }) => name === lease.pod);
      const standby = operators.find((operator) => operator !== leader);
      if (operators.length !== 2 || !operators.every(({ ready }) => ready) || !leader || !standby) return undefined;
      const leads = (await readiness(leader)) === 'ok: leading';
      const follows = (await readiness(standby)).startsWith(`ok: standby, the leader is ${leader.name}_`);
      return leads && follows && { lease, leader, standby };
    },
    { timeout: deadline, interval: 250 },
  );
}

async function signalTo({ name }: OperatorPod, signal: NodeJS.Signals): Promise<number> {
  const pids = await processesOf(env.cluster, operatorNamespace, name, 'operator');
  const sentAt = Date.now();
  for (const pid of pids) process.kill(pid, signal);
  return sentAt;
}

const readiness = async ({ ip }: OperatorPod) =>
  (await fetch(`http://${formatHostPort(ip, operatorPort)}/readyz`)).text();

/** How many requests an operator made that change something. */
async function writesOf(operator: OperatorPod): Promise<number> {
  const requests = (await operatorMetrics(operator)).find('rest_client_requests_total');
  return requests.filter(({ labels }) => labels.method !== 'GET').reduce((total, { value }) => total + value, 0);
}

test('both operators are ready, one leads and reconciles, the other one writes nothing', async (t) => {
  tellOnFailure(t, env, namespace);
  const { leader, standby } = await bothReady();
  const leads = async (operator: OperatorPod) =>
    (await operatorMetrics(operator)).sum('leader_election_master_status', { name: 'net-exporter-operator' });
  // What they serve is at most a second old.
  await waitFor(
    'metrics that name the leader',
    async () => (await leads(leader)) === 1 && (await leads(standby)) === 0,
    {
      timeout: deadline,
    },
  );
  const [ofLeader, ofStandby] = [await writesOf(leader), await writesOf(standby)];
  await editIsReconciled(env.kubectl, namespace, name, 50);
  await waitFor("the leader's writes to be counted", async () => (await writesOf(leader)) > ofLeader, {
    timeout: deadline,
  });
  assert.equal(await writesOf(standby), ofStandby);
});

const service = `/api/v1/namespaces/${operatorNamespace}/services/net-exporter-operator:metrics/proxy`;

test('every way to the API leads to the leader: through the API server with the documented rights, and at the standby', async (t) => {
  tellOnFailure(t, env, namespace);
  const { leader, standby } = await bothReady();
  const role = ['net-exporter-api', '-n', operatorNamespace];
  const rules = ['--verb=get', '--resource=services/proxy', '--resource-name=net-exporter-operator:metrics'];
  await env.kubectl(['create', 'role', ...role, ...rules]);
  t.after(() => env.kubectl(['delete', 'role,rolebinding', ...role, '--ignore-not-found']));
  await env.kubectl(['create', 'rolebinding', ...role, '--role=net-exporter-api', '--user=reader']);
  const reportFor = (user: string) => env.kubectl(['get', `--raw=${service}/api/v1/report.txt`, `--as=${user}`]);
  const report = await waitFor('the rights to be known', () => reportFor('reader'), { timeout: deadline });
  assert.match(report, new RegExp(`^Reported by ${leader.name}, `));
  assert.match(report, new RegExp(`^NetExporter ${namespace}/${name}$`, 'm'));
  await assert.rejects(reportFor('somebody'), /Forbidden|forbidden/);
  for (const { ip } of [leader, standby]) {
    const address = formatHostPort(ip, operatorPort);
    const response = await fetch(`http://${address}/api/v1/status?namespace=${namespace}`);
    assert.equal(response.status, 200);
    const answer = (await response.json()) as { leader: { pod: string }; items: { verdict: string[] }[] };
    assert.equal(answer.leader.pod, leader.name);
    const { status } = await getNetExporter(env.kubectl, namespace, name);
    const messages = status!.conditions.filter(({ type }) => type === 'DNSHealthy' || type === 'NetworkHealthy');
    assert.deepEqual(
      answer.items[0]?.verdict,
      messages.map(({ message }) => message),
    );
  }
  assert.equal(await codeWithHost(`${service}/api/v1/status`), 200);
  assert.equal(await codeWithHost(`${service}/api/v1/status`, 'api.example.com'), 421, 'the API server keeps the Host');
});

/** The status of an answer that comes through the API server. @param host by which the API server is called */
async function codeWithHost(path: string, host?: string): Promise<number | undefined> {
  const { clusters, users } = JSON.parse(await readFile(env.cluster.kubeconfig, 'utf8'));
  const decode = (text: string) => Buffer.from(text, 'base64');
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  const { 'client-certificate-data': cert, 'client-key-data': key } = users[0].user;
  const sent = request(`${server}${path}`, {
    ...{ ca: decode(ca), cert: decode(cert), key: decode(key), agent: false },
    ...(host !== undefined && { headers: { host }, servername: '' }),
  }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

// From the signal: until the Lease is taken, as its holder writes; and until an edit is reconciled, with the kubectl
// calls that make it and look for it. Those take up to a second each on a busy machine, so that twice the promise is
// asserted of them.
for (const { signal, withinSeconds } of [
  { signal: 'SIGTERM', withinSeconds: 3 },
  { signal: 'SIGKILL', withinSeconds: 20 },
] as const)
  test(`after ${signal} to the leader the other one reconciles within ${withinSeconds} s`, async (t) => {
    tellOnFailure(t, env, namespace);
    const { lease, leader, standby } = await bothReady();
    const sentAt = await signalTo(leader, signal);
    await editIsReconciled(env.kubectl, namespace, name, 50);
    const reconciled = (Date.now() - sentAt) / 1000;
    const taken = await leaseOf(env);
    const took = (taken.acquiredAt - sentAt) / 1000;
    t.diagnostic(`the lease was taken ${took} s after ${signal}, an edit was reconciled after ${reconciled} s`);
    assert.equal(taken.pod, standby.name);
    assert.equal(taken.transitions, lease.transitions + 1);
    assert.ok(took < withinSeconds, `the lease was taken after ${took} s`);
    assert.ok(reconciled < 2 * withinSeconds, `an edit was reconciled after ${reconciled} s`);
    await bothReady();
  });
