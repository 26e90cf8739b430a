import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Agent, getJson } from './agents.ts';
import {
  deadline,
  type Environment,
  environment,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
  waitForAgents,
} from './environment.ts';
import { WatchedFleet } from './watched-fleet.ts';

// The kubelet's own graceful node shutdown (KEP-2000). The logind that tells the kubelet of it is a stand-in on a
// system bus that this one node has for itself: test/cluster/logind.

const namespace = 'e2e-node-shutdown';
const name = 'shutdown';
/** Patient, unlike most tests: what is lost on a busy machine is no error of the shutdown's. */
const probing = { interval: '2s', timeout: '2s' };
/** Of a peer that is gone, from when its pod says so, in seconds. */
const longestLingering = 5;
let env: Environment;
let fleet: WatchedFleet;
let agents: Agent[];
let off: string | undefined;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  off = (await env.cluster.addNode({ gracefulShutdown: true })).name;
  // Without the Service: that its endpoints end is kube-proxy's to know.
  const network = { ...probing, protocols: ['TCP', 'UDP'], service: false };
  agents = await readyNetExporter(env, namespace, name, { dns: probing, network });
  fleet = new WatchedFleet(env, namespace, name);
  await fleet.allDialled(agents);
});

after(async () => {
  if (off !== undefined) await env.cluster.removeNode(off);
  await removeNamespace(env.kubectl, namespace);
});

test('a node that is shut down gracefully, of which a stand-in for logind tells its kubelet, makes no dial error', async (t) => {
  tellOnFailure(t, env, namespace);
  const node = off ?? assert.fail('there is no such node');
  const ending = agents.find((agent) => agent.node === node) ?? assert.fail(`there is no agent on ${node}`);
  const others = agents.filter((agent) => agent !== ending);
  const { dialErrors } = await fleet.observe(async () => {
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    const [leftAlone, ended, isOff] = await Promise.all([
      fleet.leftAlone(node, others).then(seconds),
      endOf(ending).then(seconds),
      env.cluster.shutDownNode(node).then(seconds),
    ]);
    const times = { 'left alone': leftAlone, 'the pod says so': ended, off: isOff };
    t.diagnostic(`seconds from the announcement: ${JSON.stringify(times)}`);
    assert.ok(leftAlone - ended < longestLingering);
    assert.match(await readiness(node), /node is shutting down/);
    // While it stays away, Kubernetes makes it another pod.
    await fleet.moreDials(others);
    await fleet.leftAlone(node, others);
    await env.cluster.removeNode(node);
    off = undefined;
    await fleet.collectPodsOf(node);
    await waitForAgents(env.kubectl, namespace, name, others.length);
  });
  const toThatNode = Object.keys(dialErrors).filter((link) => link.includes(` → ${node} `));
  assert.deepEqual(toThatNode, []);
});

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
