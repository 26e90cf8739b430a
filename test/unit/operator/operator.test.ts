import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { agentLabels, pausedAnnotation } from '../../../src/contract/agent-names.ts';
import { syncServiceName } from '../../../src/contract/operator-names.ts';
import type { NetExporter } from '../../../src/crd/net-exporter.ts';
import { until } from '../fake-clock.ts';
import { FakeApiServer, operatorOn } from './fake-api-server.ts';
import { netExporter } from './net-exporter-builder.ts';

/** A NetExporter of this name, and a uid of its own. */
function named(name: string, change?: Parameters<typeof netExporter>[0]): NetExporter {
  const resource = netExporter(change, name);
  resource.metadata.uid = `uid-of-${name}`;
  return resource;
}

/** An operator that runs on an API server that has these NetExporters. */
async function setUp(resources: object[], clock?: Clock, discovery = 200) {
  const server = await FakeApiServer.start();
  server.discovery = discovery;
  const namespace = 'net-exporter-system';
  server.put({ kind: 'Service', metadata: { namespace, name: syncServiceName }, spec: { clusterIPs: ['10.96.0.9'] } });
  for (const resource of resources) server.put(resource);
  const { operator, metrics } = operatorOn(server, clock);
  after(async () => {
    await operator.stop();
    server.stop();
  });
  operator.start();
  const metric = async (series: string) => {
    const line = (await metrics.registry.metrics()).split('\n').find((text) => text.startsWith(`${series} `));
    return line === undefined ? 0 : Number(line.slice(series.length + 1));
  };
  const conditionsOf = (name: string) =>
    (server.find('netexporters', name)?.status as NetExporter['status'])?.conditions ?? [];
  return {
    server,
    operator,
    metric,
    /** How often a controller was done with a key, by result. */
    results: (controller: string, result: string) =>
      metric(`controller_runtime_reconcile_total{controller="${controller}",result="${result}"}`),
    panics: (controller: string) => metric(`controller_runtime_reconcile_panics_total{controller="${controller}"}`),
    conditionsOf,
    /** Waits until this one has its agents' DaemonSet and a status. */
    served: (name: string) =>
      until(
        () => server.find('daemonsets', `${name}-agent`) !== undefined && conditionsOf(name).length > 0,
        `${name} is served`,
      ),
  };
}

test('a NetExporter without spec.health, which an older CRD does not know, is served by the defaults, and so are others', async () => {
  const { health: _, ...spec } = named('older').spec;
  const { operator, served, panics, results } = await setUp([{ ...named('older'), spec }, named('newer')]);
  for (const name of ['older', 'newer']) await served(name);
  assert.equal(operator.state(), 'leading');
  for (const controller of ['netexporter', 'netexporter-plan', 'netexporter-figures', 'netexporter-judge'])
    assert.equal(await panics(controller), 0, controller);
  assert.ok((await results('netexporter-plan', 'success')) >= 2);
});

test('where reconciling one NetExporter throws, the operator leads and serves the others', async () => {
  const bad = named('bad', (spec) => {
    spec.dns.servers = 5 as never;
  });
  const { server, operator, served, panics, results, conditionsOf } = await setUp([bad, named('good')]);
  await served('good');
  server.put(named('later'));
  await served('later');
  assert.equal(operator.state(), 'leading');
  assert.ok((await panics('netexporter')) >= 1);
  assert.ok((await results('netexporter-plan', 'success')) >= 3, 'and plans for all');
  const reasons = () => conditionsOf('bad').map(({ reason }) => reason);
  await until(() => reasons().includes('ReconcileFailed'), 'its condition says so');
});

test('where planning for one NetExporter throws, its condition says so, it has its agents, and the others are planned for and judged', async () => {
  const bad = named('bad', (spec) => {
    spec.health.window = 'never';
  });
  const { server, served, conditionsOf, panics, results } = await setUp([bad, named('good')]);
  for (const name of ['bad', 'good']) await served(name);
  const propagated = () => conditionsOf('bad').find(({ type }) => type === 'ConfigPropagated');
  await until(() => propagated()?.reason === 'PlanFailed', 'the condition says so');
  assert.match(propagated()!.message, /^Cannot plan the targets.*"never" is not a valid duration.*retries/);
  assert.notEqual(conditionsOf('good').find(({ type }) => type === 'ConfigPropagated')?.reason, 'PlanFailed');
  for (const controller of ['netexporter-plan', 'netexporter-judge'])
    assert.ok((await panics(controller)) >= 1, controller);
  assert.equal(await panics('netexporter'), 0);
  assert.ok((await results('netexporter-plan', 'success')) >= 1);
  assert.ok((await results('netexporter-judge', 'requeue_after')) >= 1, 'others are judged');
  server.put({ ...named('bad'), metadata: { ...bad.metadata, generation: bad.metadata.generation + 1 } });
  await until(() => propagated()?.reason !== 'PlanFailed', 'an edit helps');
});

test('an object that cannot be read, or from which nothing can be concluded, keeps no other from being taken in, and is caught up with', async () => {
  const ours = {
    'app.kubernetes.io/managed-by': 'net-exporter-operator',
    'app.kubernetes.io/name': 'net-exporter-agent',
  };
  const pod = {
    kind: 'Pod',
    metadata: { namespace: 'monitoring', name: 'p', labels: ours },
    status: { podIPs: 'none' },
  };
  const { server, operator, served, metric } = await setUp([pod, named('one')]);
  await served('one');
  const failures = (resource: string) => metric(`net_exporter_operator_watch_errors_total{resource="${resource}"}`);
  assert.equal(await failures('pods'), 1);
  const daemonSet = server.find('daemonsets', 'one-agent')!;
  const [{ apiVersion: _, ...owner }] = daemonSet.metadata.ownerReferences;
  server.put({ ...daemonSet, metadata: { ...daemonSet.metadata, ownerReferences: [owner] } });
  // From the object before nothing can be concluded, so that nobody is told that this one has drifted.
  const { 'app.kubernetes.io/part-of': partOf, ...labels } = daemonSet.metadata.labels;
  server.put({ ...daemonSet, metadata: { ...daemonSet.metadata, labels } });
  server.put(named('later'));
  await served('later');
  assert.equal(operator.state(), 'leading');
  const present = () => server.find('daemonsets', 'one-agent')!.metadata.labels['app.kubernetes.io/part-of'];
  await until(() => present() === partOf, 'it is found all the same');
  assert.equal(await failures('daemonsets'), 2);
});

test('the DNS pods of a paused NetExporter are watched on as it was before an edit, however often another one is reconciled', async () => {
  const withService = (name: string) =>
    named('one', (spec) => {
      spec.dns.service = { namespace: 'kube-system', name };
    });
  const { server, served, results } = await setUp([withService('before'), named('other')]);
  for (const name of ['one', 'other']) await served(name);
  const asked = (verb: string, name: string) =>
    server.counts.get(`${verb} endpointslices kubernetes.io/service-name in (${name})`) ?? 0;
  await until(() => asked('watch', 'before') === 1, 'the Service is watched');
  const edited = withService('after');
  edited.metadata.annotations = { [pausedAnnotation]: 'true' };
  edited.metadata.generation += 1;
  server.put(edited);
  const done = async () => (await results('netexporter', 'success')) + (await results('netexporter', 'requeue_after'));
  for (let time = 1; time <= 5; time++) {
    const before = await done();
    const other = named('other');
    other.metadata.generation += time;
    server.put(other);
    while ((await done()) === before) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual([asked('watch', 'before'), asked('list', 'before')], [1, 1]);
  assert.equal(asked('list', 'after'), 0);
});

test('an operator that is told to stop plans first what waits to be planned together with what else may come', async () => {
  /** The times for which plans wait: they do not pass here. */
  const held = new Set<() => void>();
  const clock: Clock = {
    ...systemClock,
    after(ms, callback) {
      if (ms !== 100) return systemClock.after(ms, callback);
      held.add(callback);
      return () => held.delete(callback);
    },
  };
  const { server, operator, served, results } = await setUp([named('one')], clock);
  await served('one');
  for (const callback of held) callback();
  held.clear();
  server.put({ kind: 'Node', metadata: { name: 'n1' }, spec: { unschedulable: true } });
  await until(() => held.size === 1, 'a plan waits');
  const before = await results('netexporter-plan', 'success');
  await operator.stop();
  assert.equal(await results('netexporter-plan', 'success'), before + 1);
  assert.equal(held.size, 0);
});

for (const status of [401, 403])
  test(`an operator whose discovery is refused (${status}) leads, serves agents, and says what it may not know`, async () => {
    const { server, operator, served, conditionsOf } = await setUp([named('one')], undefined, status);
    await served('one');
    assert.deepEqual([operator.unready(), operator.state()], [undefined, 'leading']);
    assert.match(operator.notices().join(), /cannot find out whether podmonitors.* is served: .*system:discovery/);
    assert.match(operator.notices().join(), /cannot find out whether prometheusrules.* is served: /);
    for (const kind of ['podmonitors', 'prometheusrules']) assert.equal(server.find(kind, 'one-agent'), undefined);
    assert.ok(conditionsOf('one').some(({ type }) => type === 'Ready'));
    server.discovery = 404;
  });

test('24 NetExporters that name 24 DNS Services cost two watches, and an edit of another NetExporter takes effect', async () => {
  const tenants = Array.from({ length: 24 }, (_, n) =>
    named(`tenant-${n}`, (spec) => {
      spec.dns.service = { namespace: `team-${n}`, name: `dns-${n}` };
    }),
  );
  const { server, operator, served } = await setUp([...tenants, named('other')]);
  for (const { metadata } of [...tenants, named('other')]) await served(metadata.name);
  const edited = named('other', (spec) => {
    spec.agent.port = 9000;
  });
  edited.metadata.generation += 1;
  server.put(edited);
  const portOf = () => server.find('services', 'other-agent')!.spec.ports[0].port;
  await until(() => portOf() === 9000, 'the edit takes effect');
  assert.deepEqual([operator.unready(), operator.state()], [undefined, 'leading']);
  const watches = server.watching('endpointslices').filter((selector) => selector !== '');
  assert.equal(watches.length, 2, `they are ${watches.join(' and ')}`);
});

test('agents on a node that is not ready are counted apart as soon as node, pod and DaemonSet say so, in any order', async () => {
  const { server, served, conditionsOf } = await setUp([named('one')]);
  await served('one');
  const ready = () => {
    const { status, message } = conditionsOf('one').find(({ type }) => type === 'Ready')!;
    return `${status}: ${message}`;
  };
  const daemonSet = server.find('daemonsets', 'one-agent')!;
  const putNode = (status: string) =>
    server.put({ kind: 'Node', metadata: { name: 'n2' }, status: { conditions: [{ type: 'Ready', status }] } });
  const putPod = (node: string, status: string) => {
    const { uid } = daemonSet.metadata;
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'one-agent', uid, controller: true }];
    const labels = agentLabels('one');
    const metadata = { namespace: 'monitoring', name: `one-agent-${node}`, labels, ownerReferences };
    const conditions = [{ type: 'Ready', status }];
    server.put({ kind: 'Pod', metadata, spec: { nodeName: node }, status: { conditions } });
  };
  const putDaemonSet = (numberReady: number) => {
    const counts = { desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberReady };
    server.put({ ...daemonSet, status: counts });
  };
  const steps = { node: () => putNode('Unknown'), pod: () => putPod('n2', 'False'), daemonSet: () => putDaemonSet(1) };
  const orders: (keyof typeof steps)[][] = [
    ['node', 'pod', 'daemonSet'],
    ['node', 'daemonSet', 'pod'],
    ['daemonSet', 'pod', 'node'],
  ];
  for (const order of orders) {
    putNode('True');
    for (const node of ['n1', 'n2']) putPod(node, 'True');
    putDaemonSet(2);
    await until(() => ready() === 'True: 2 of 2 agents are ready.', `all are ready before ${order}`);
    for (const step of order) steps[step]();
    const expected = 'True: 1 of 2 agents are ready; 1 is on a node that is not ready: n2. Repair or delete that node.';
    await until(() => ready() === expected, `the node is named after ${order}`);
  }
  putNode('True');
  await until(() => ready().startsWith('False: 1 of 2 agents are ready.'), 'the agent counts again');
});
