import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetPlan, type PlanInput } from '../../../src/operator/plan/fleet-plan.ts';
import type { Sample } from '../../cluster/prometheus.ts';
import { type Agent, hostOf, type NetExporterObject } from '../../e2e/agents.ts';
import { type ExpectedSeries, missingSeries } from '../../e2e/expected-series.ts';

type Spec = NetExporterObject['spec'];
type Peers = Map<Agent, string[]>;

const host = 'example.com.';
const serviceHost = '10.96.0.9:8000';
const network = { enabled: true, peersPerAgent: 10, protocols: ['TCP'], service: true };
const spec: Spec = { dns: { enabled: true, hosts: [host] }, network };

function agent(number: number): Agent {
  const node = `node-${number}`;
  const ip = `10.0.0.${number}`;
  return { pod: `agent-${number}`, uid: `uid-${number}`, node, ip, port: 8000, ready: true, restarts: 0 };
}

function agents(count: number): Agent[] {
  return Array.from({ length: count }, (_, index) => agent(index + 1));
}

/** Whom the operator's own plan assigns to each agent, as nodes. */
function planned(fleet: Agent[], peersPerAgent = network.peersPerAgent): Peers {
  const plan = new FleetPlan({ uid: 'uid', epoch: 1, startedAt: 1 });
  const pods = fleet.map(({ pod, uid, node, ip, port }) => ({
    ...{ namespace: 'demo', name: pod, uid, node, addresses: [ip], port },
    ...{ ready: true, phase: 'Running', deleting: false },
  })) as unknown as PlanInput['pods'];
  const nodes: PlanInput['nodes'] = (name) => ({
    name,
    zone: '',
    ready: true,
    notice: undefined,
    uid: 'node',
    bootId: '1',
  });
  plan.update({ pods, nodes, dnsServers: [], peersPerAgent, endpointsPerAgent: 0 });
  return new Map(fleet.map((one) => [one, plan.assignmentOf(one.uid)!.peers.map((peer) => peer.node)]));
}

/** A Prometheus that holds what these agents serve after each has reached everything. */
function prometheusOf(fleet: Agent[], peers: Peers, change: (metric: string, samples: Sample[]) => Sample[] = same) {
  const targets = (one: Agent) => [
    ...peers
      .get(one)!
      .map((node) => ({ host: hostOf(fleet.find((peer) => peer.node === node) ?? agent(0)), peer_node: node })),
    { host: serviceHost, peer_node: '' },
  ];
  return {
    query: async (expression: string): Promise<Sample[]> => {
      const metric = /^\w+/.exec(expression)![0];
      const value = /_error_total$/.test(metric) ? 0 : 3;
      const samples = fleet.flatMap((one): Sample[] => {
        if (/^(dns|network)_error_total$/.test(metric)) return [{ labels: { pod: one.pod }, value }];
        if (metric.startsWith('dns')) return [{ labels: { pod: one.pod, host }, value }];
        return targets(one).map((labels) => ({ labels: { pod: one.pod, protocol: 'TCP', ...labels }, value }));
      });
      return change(metric, samples);
    },
  };
}

const same = (_: string, samples: Sample[]) => samples;

function expected(fleet: Agent[], more: Partial<ExpectedSeries> = {}): ExpectedSeries {
  return { namespace: 'demo', name: 'demo', agents: fleet, spec, ...more };
}

for (const count of [1, 2, 3, 11, 12, 30])
  test(`nothing is missing where ${count} agents probe whom the operator plans`, async () => {
    const fleet = agents(count);
    const peers = planned(fleet);
    assert.ok(fleet.every((one) => peers.get(one)!.length === Math.min(10, count - 1)));
    assert.deepEqual(await missingSeries(prometheusOf(fleet, peers), expected(fleet)), []);
  });

test('an agent without peers is found', async () => {
  const fleet = agents(12);
  const peers = planned(fleet);
  peers.set(fleet[4]!, []);
  const missing = await missingSeries(prometheusOf(fleet, peers), expected(fleet));
  assert.ok(missing.includes('agent-5 by TCP has 0 peers, not 10 to 11'), missing.join('\n'));
});

test('an agent with one peer too few is found', async () => {
  for (const count of [3, 12, 30]) {
    const fleet = agents(count);
    const peers = planned(fleet);
    peers.set(fleet[0]!, peers.get(fleet[0]!)!.slice(1));
    const missing = await missingSeries(prometheusOf(fleet, peers), expected(fleet));
    assert.ok(
      missing.some((line) => line.startsWith(`agent-1 by TCP has ${Math.min(10, count - 1) - 1} peers`)),
      missing.join('\n'),
    );
  }
});

test('an agent that has more peers than the spec allows is found', async () => {
  const fleet = agents(30);
  const peers = planned(fleet);
  peers.set(
    fleet[0]!,
    fleet.slice(1).map(({ node }) => node),
  );
  const missing = await missingSeries(prometheusOf(fleet, peers), expected(fleet));
  assert.deepEqual(missing, ['agent-1 by TCP has 29 peers, not 10 to 12']);
});

test('an agent that nobody probes is found', async () => {
  const fleet = agents(30);
  const peers = planned(fleet);
  for (const one of fleet.slice(1)) {
    const others = peers.get(one)!.filter((node) => node !== 'node-1');
    const spare = fleet.find(({ node }) => node !== one.node && node !== 'node-1' && !others.includes(node))!.node;
    peers.set(one, others.length < 10 ? [...others, spare] : others);
  }
  const missing = await missingSeries(prometheusOf(fleet, peers), expected(fleet));
  assert.deepEqual(missing, ["agent-1 is no agent's peer by TCP"]);
});

test('a peer that is the agent itself, or no agent at all, is found', async () => {
  const fleet = agents(2);
  const missing = async (node: string) =>
    await missingSeries(prometheusOf(fleet, new Map([...planned(fleet), [fleet[0]!, [node]]])), expected(fleet));
  assert.ok((await missing('node-1')).includes('agent-1 by TCP has itself as a peer'));
  assert.ok((await missing('node-7')).includes('agent-1 by TCP has a peer on node-7, which has no agent'));
});

test('a peer at the address of another agent is found, with IPv6 only, too', async () => {
  for (const fleet of [agents(3), agents(3).map((one, index) => ({ ...one, ip: `fd00::${index + 1}` }))]) {
    const [, right, other] = fleet.map(hostOf);
    const wrong = (metric: string, samples: Sample[]) =>
      metric !== 'network_latency_seconds_count'
        ? samples
        : samples.map((sample) => ({
            ...sample,
            labels: { ...sample.labels, ...(sample.labels.peer_node === 'node-2' && { host: other! }) },
          }));
    assert.deepEqual(await missingSeries(prometheusOf(fleet, planned(fleet)), expected(fleet)), []);
    const missing = await missingSeries(prometheusOf(fleet, planned(fleet), wrong), expected(fleet));
    assert.ok(missing.includes(`agent-1 by TCP dials node-2 at ${other}, not at ${right}`), missing.join('\n'));
  }
});

test('peers that are known by their address only are no assignment', async () => {
  const fleet = agents(3);
  const unassigned = (_: string, samples: Sample[]) =>
    samples.map(({ labels, value }) => ({ value, labels: { ...labels, ...(labels.peer_node && { peer_node: '' }) } }));
  const missing = await missingSeries(prometheusOf(fleet, planned(fleet), unassigned), expected(fleet));
  assert.ok(missing.includes('agent-1 by TCP has 0 peers, not 2'), missing.join('\n'));
});

test('a host, a peer and the Service that were planned and not reached yet are missing', async () => {
  const fleet = agents(2);
  const unreached = (_: string, samples: Sample[]) =>
    samples.map((sample) => (sample.labels.pod === 'agent-1' ? { ...sample, value: 0 } : sample));
  const missing = await missingSeries(prometheusOf(fleet, planned(fleet), unreached), expected(fleet));
  for (const [metric, label] of [
    ['dns_latency_seconds_count', host],
    ['network_latency_seconds_sum', '10.0.0.2:8000'],
    ['network_latency_seconds_bucket', serviceHost],
  ])
    assert.ok(missing.includes(`${metric}{host="${label}"} of agent-1`), missing.join('\n'));
});

test('one agent dials the Service only, and nothing without it', async () => {
  const fleet = agents(1);
  const withoutService = (metric: string, samples: Sample[]) =>
    samples.filter(({ labels }) => labels.host !== serviceHost || metric.startsWith('dns'));
  const prometheus = prometheusOf(fleet, planned(fleet), withoutService);
  const missing = await missingSeries(prometheus, expected(fleet));
  assert.ok(missing.includes("agent-1 does not dial the agents' Service"), missing.join('\n'));
  const alone = { ...spec, network: { ...network, service: false } };
  assert.deepEqual(await missingSeries(prometheus, expected(fleet, { spec: alone })), []);
});

test('agents on a cordoned node probe and are not probed', async () => {
  const fleet = agents(3);
  const nodes = ['node-1', 'node-2'];
  const peers = new Map(fleet.map((one) => [one, nodes.filter((node) => node !== one.node)]));
  const draining = new Set(['node-3']);
  assert.deepEqual(await missingSeries(prometheusOf(fleet, peers), expected(fleet, { draining })), []);
  assert.notDeepEqual(await missingSeries(prometheusOf(fleet, peers), expected(fleet)), []);
});

test('failed probes count as results only where failures are allowed, faults of the agent never do', async () => {
  const fleet = agents(2);
  const failing = (metric: string, samples: Sample[]) =>
    samples.map((sample) => ({
      ...sample,
      value: metric === 'dns_resolve_error_total' ? 1 : metric.startsWith('dns_latency') ? 0 : sample.value,
    }));
  const prometheus = prometheusOf(fleet, planned(fleet), failing);
  assert.deepEqual(await missingSeries(prometheus, expected(fleet, { allowFailures: 'all' })), []);
  assert.ok((await missingSeries(prometheus, expected(fleet))).some((line) => line.startsWith('zero errors: ')));
  const faulty = (metric: string, samples: Sample[]) =>
    samples.map((sample) => (metric === 'dns_error_total' ? { ...sample, value: 1 } : sample));
  const missing = await missingSeries(
    prometheusOf(fleet, planned(fleet), faulty),
    expected(fleet, { allowFailures: 'all' }),
  );
  assert.deepEqual(missing.length, 2, missing.join('\n'));
});

test('failed probes beside latencies are accepted where some are allowed, in place of latencies they are not', async () => {
  const fleet = agents(2);
  const failing = (value: number) => (metric: string, samples: Sample[]) =>
    samples.map((sample) => {
      if (metric === 'dns_resolve_error_total') return { ...sample, value: 1 };
      return metric.startsWith('dns_latency') ? { ...sample, value } : sample;
    });
  const missing = (value: number) =>
    missingSeries(prometheusOf(fleet, planned(fleet), failing(value)), expected(fleet, { allowFailures: 'some' }));
  assert.deepEqual(await missing(3), []);
  assert.ok((await missing(0)).includes('dns_latency_seconds_count{host="example.com."} of agent-1'));
});

test('without any series everything is missing', async () => {
  const missing = await missingSeries({ query: async () => [] }, expected(agents(1)));
  for (const line of [
    'dns_latency_seconds_count{host="example.com."} of agent-1',
    'dns_resolve_error_total of agent-1',
    'network_dial_error_total of agent-1',
    'network_error_total of agent-1',
    "agent-1 does not dial the agents' Service",
  ])
    assert.ok(missing.includes(line), missing.join('\n'));
});

test('a part of a histogram that a peer lacks is missing', async () => {
  const fleet = agents(2);
  const lacking = (metric: string, samples: Sample[]) =>
    samples.filter(({ labels }) => metric !== 'network_latency_seconds_bucket' || labels.peer_node !== 'node-2');
  assert.deepEqual(await missingSeries(prometheusOf(fleet, planned(fleet), lacking), expected(fleet)), [
    'network_latency_seconds_bucket{host="10.0.0.2:8000"} of agent-1',
  ]);
});
