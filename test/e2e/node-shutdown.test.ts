import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Agent, getJson } from './agents.ts';
import {
  admitClass,
  deadline,
  type Environment,
  environment,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
  waitForAgents,
} from './environment.ts';
import { type Observed, WatchedFleet } from './watched-fleet.ts';

// The kubelet's own graceful node shutdown (KEP-2000). The logind that tells the kubelet of it is a stand-in on a
// system bus that this one node has for itself: test/cluster/logind.

const namespace = 'e2e-node-shutdown';
/**
 * The kubelet ends agents of the default class in the first phase, with most pods, and agents of Kubernetes' own class
 * in the second. By the name of their NetExporter.
 */
const classes = { ordinary: 'net-exporter-agent', critical: 'system-node-critical' };
/** Patient, unlike most tests: what is lost on a busy machine is no error of the shutdown's. */
const probing = { interval: '2s', timeout: '2s' };
/** Of a peer that is gone, from when its pod says so, in seconds. */
const longestLingering = 5;
let env: Environment;
let fleets: { name: string; fleet: WatchedFleet; agents: Agent[] }[];
let off: string | undefined;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  await admitClass(env.kubectl, namespace, classes.critical);
  off = (await env.cluster.addNode({ gracefulShutdown: true })).name;
  // Without the Service: that its endpoints end is kube-proxy's to know.
  const network = { ...probing, protocols: ['TCP', 'UDP'], service: false };
  fleets = await Promise.all(
    Object.entries(classes).map(async ([name, priorityClassName]) => {
      const spec = { agent: { priorityClassName }, dns: probing, network };
      const agents = await readyNetExporter(env, namespace, name, spec);
      return { name, fleet: new WatchedFleet(env, namespace, name), agents };
    }),
  );
  for (const { fleet, agents } of fleets) await fleet.allDialled(agents);
});

after(async () => {
  if (off !== undefined) await env.cluster.removeNode(off);
  await removeNamespace(env.kubectl, namespace);
});

test('a node that is shut down gracefully, of which a stand-in for logind tells its kubelet, makes no dial error, whatever the class of its agents', async (t) => {
  tellOnFailure(t, env, namespace);
  const node = off ?? assert.fail('there is no such node');
  const [ordinary, critical] = fleets.map(({ fleet }) => fleet) as [WatchedFleet, WatchedFleet];
  let others: Observed | undefined;
  const { dialErrors } = await ordinary.observe(async () => {
    others = await critical.observe(() => shutDown(node, (text) => t.diagnostic(text)));
  });
  const toThatNode = Object.keys({ ...dialErrors, ...others?.dialErrors }).filter((link) =>
    link.includes(` → ${node} `),
  );
  assert.deepEqual(toThatNode, []);
});

async function shutDown(node: string, tell: (text: string) => void): Promise<void> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const remaining = (agents: readonly Agent[]) => agents.filter((agent) => agent.node !== node);
  const isOff = env.cluster.shutDownNode(node).then(seconds);
  await Promise.all(
    fleets.map(async ({ name, fleet, agents }) => {
      const ending = agents.find((agent) => agent.node === node) ?? assert.fail(`there is no agent on ${node}`);
      const [leftAlone, ended] = await Promise.all([
        fleet.leftAlone(node, remaining(agents)).then(seconds),
        endOf(ending).then(seconds),
      ]);
      tell(`${name}: seconds from the announcement: ${JSON.stringify({ leftAlone, ended })}`);
      assert.ok(leftAlone - ended < longestLingering, name);
    }),
  );
  tell(`the node is off after ${await isOff} s`);
  assert.match(await readiness(node), /node is shutting down/);
  // While it stays away, Kubernetes makes it other pods.
  for (const { fleet, agents } of fleets) {
    await fleet.moreDials(remaining(agents));
    await fleet.leftAlone(node, remaining(agents));
  }
  await env.cluster.removeNode(node);
  off = undefined;
  await fleets[0]!.fleet.collectPodsOf(node);
  for (const { name, agents } of fleets) await waitForAgents(env.kubectl, namespace, name, remaining(agents).length);
}

/** Resolves when a pod's object says that it serves no more. */
async function endOf({ pod }: Agent): Promise<void> {
  const limit = `--timeout=${deadline / 1000}s`;
  await env.kubectl(['wait', '-n', namespace, `pod/${pod}`, '--for=condition=Ready=false', limit]);
}

/** What a node's kubelet said last of why it is ready or not. */
async function readiness(node: string): Promise<string> {
  const { status } = await getJson<{ status: { conditions: { type: string; message: string }[] } }>(env.kubectl, [
    'node',
    node,
  ]);
  return status.conditions.find(({ type }) => type === 'Ready')?.message ?? '';
}
