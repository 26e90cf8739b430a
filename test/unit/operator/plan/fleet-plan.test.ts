import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import { FleetPlan, type PlanInput } from '../../../../src/operator/plan/fleet-plan.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import { decodeAssignment } from '../../../../src/protocol/assignment.ts';
import { agentPod } from '../agent-pod-builder.ts';

/** A cluster that the tests change, as a plan is told of it. */
class Cluster {
  readonly pods = new Map<string, AgentPod>();
  readonly nodes = new Map<string, NodeFacts>();
  readonly plan = new FleetPlan({ uid: 'cr', epoch: 7, startedAt: 1000 });
  settings = { dnsServers: [] as string[], peersPerAgent: 10, endpointsPerAgent: 2 };

  constructor(size: number) {
    for (let number = 1; number <= size; number++) {
      this.node(`n${number}`, { zone: `zone-${number % 3}` });
      this.pod(`pod-${number}`, { node: `n${number}`, addresses: [`10.0.${number >> 8}.${number & 255}`] });
    }
  }

  node(name: string, parts: Partial<NodeFacts>): void {
    const before = this.nodes.get(name) ?? { name, zone: '', ready: true, notice: undefined, uid: 'node', bootId: 'b' };
    this.nodes.set(name, { ...before, ...parts });
  }

  pod(uid: string, parts: Partial<AgentPod>): void {
    this.pods.set(uid, { ...(this.pods.get(uid) ?? agentPod({ uid, name: uid })), ...parts });
  }

  get input(): PlanInput {
    return { pods: [...this.pods.values()], nodes: (name) => this.nodes.get(name), ...this.settings };
  }

  /** Updates the plan. @returns the pods whose assignment is another one, sorted */
  update(plan = this.plan): string[] {
    return plan.update(this.input).changed.sort();
  }

  assigned(uid: string) {
    return this.plan.assignmentOf(uid)!;
  }

  /** The pods that probe a node. */
  probersOf(node: string): string[] {
    const pods = [...this.pods.keys()];
    return pods.filter((uid) => this.plan.assignmentOf(uid)?.peers.some((peer) => peer.node === node)).sort();
  }
}

describe('an assignment', () => {
  it('names the peers by their addresses, nodes and zones, and is what the protocol takes', () => {
    const cluster = new Cluster(3);
    cluster.pod('pod-2', { port: 9000 });
    assert.deepEqual(cluster.update(), ['pod-1', 'pod-2', 'pod-3']);
    const { peers, ...rest } = cluster.assigned('pod-1');
    assert.deepEqual(cluster.plan.versionOf('pod-1'), { uid: 'cr', epoch: 7, revision: 1001 });
    assert.deepEqual(rest, { version: 1, uid: 'cr', epoch: 7, revision: 1001, zone: 'zone-1', dnsServers: [] });
    assert.deepEqual(
      peers.toSorted((a, b) => (a.node < b.node ? -1 : 1)),
      [
        { address: '10.0.0.2:9000', node: 'n2', zone: 'zone-2' },
        { address: '10.0.0.3:8000', node: 'n3', zone: 'zone-0' },
      ],
    );
    assert.deepEqual(decodeAssignment(cluster.assigned('pod-1')), cluster.assigned('pod-1'));
  });

  it('is there without a peer for one that is alone, and none for a pod that is not known or has ended', () => {
    const cluster = new Cluster(1);
    assert.equal(cluster.plan.assignmentOf('pod-1'), undefined);
    cluster.update();
    assert.deepEqual(cluster.assigned('pod-1').peers, []);
    assert.equal(cluster.plan.assignmentOf('other'), undefined);
    assert.equal(cluster.plan.versionOf('other'), undefined);
    cluster.pod('pod-1', { ended: true, ready: false });
    assert.deepEqual(cluster.update(), []);
    assert.equal(cluster.plan.assignmentOf('pod-1'), undefined);
  });

  it('keeps its revision as long as it is the same, and rises with each change', () => {
    const cluster = new Cluster(40);
    cluster.update();
    assert.deepEqual(cluster.update(), []);
    const before = new Map([...cluster.pods.keys()].map((uid) => [uid, cluster.assigned(uid)]));
    cluster.pod('pod-5', { deleting: true });
    const changed = new Set(cluster.update());
    assert.ok(changed.size > 0 && changed.size <= 22);
    for (const [uid, { revision, ...rest }] of before) {
      const { revision: now, ...others } = cluster.assigned(uid);
      assert.equal(now > revision, changed.has(uid));
      if (!changed.has(uid)) assert.deepEqual(others, rest);
    }
  });

  it('is made anew when the spec asks for more peers', () => {
    const cluster = new Cluster(40);
    cluster.update();
    cluster.settings.peersPerAgent = 15;
    assert.equal(cluster.update().length, 40);
    assert.equal(cluster.assigned('pod-1').peers.length, 15);
  });

  it('names the DNS pods to ask', () => {
    const cluster = new Cluster(5);
    cluster.settings.dnsServers = ['10.9.0.1:53', '10.9.0.2:53', '10.9.0.3:53'];
    cluster.update();
    const asked = [...cluster.pods.keys()].map((uid) => cluster.assigned(uid).dnsServers);
    assert.ok(asked.every(({ length }) => length === 2));
    assert.equal(new Set(asked.flat()).size, 3);
    cluster.settings.dnsServers = ['10.9.0.1:53', '10.9.0.3:53'];
    const affected = [...cluster.pods.keys()].filter((uid) => cluster.assigned(uid).dnsServers.includes('10.9.0.2:53'));
    assert.deepEqual(cluster.update(), affected.sort());
  });

  it('has the zone of the node, and is another one when that changes, also of an agent without peers', () => {
    const cluster = new Cluster(1);
    cluster.nodes.clear();
    cluster.update();
    assert.equal(cluster.assigned('pod-1').zone, '');
    for (const zone of ['zone-1', 'zone-2', '']) {
      cluster.node('n1', { zone });
      const { revision } = cluster.assigned('pod-1');
      assert.deepEqual(cluster.update(), ['pod-1']);
      assert.equal(cluster.assigned('pod-1').zone, zone);
      assert.ok(cluster.assigned('pod-1').revision > revision);
      assert.deepEqual(cluster.update(), []);
    }
  });

  it('says how many pairs of zones have no link', () => {
    const cluster = new Cluster(0);
    for (let number = 1; number <= 12; number++) {
      cluster.node(`n${number}`, { zone: `zone-${number}` });
      cluster.pod(`pod-${number}`, { node: `n${number}` });
    }
    cluster.settings.peersPerAgent = 1;
    const { uncovered } = cluster.plan.update(cluster.input);
    assert.equal(uncovered?.count, 12 * (11 - 3));
  });
});

describe('a rollout', () => {
  it('takes an agent away when its pod is deleted, and gives its place to the next one when that is ready', () => {
    const cluster = new Cluster(40);
    cluster.update();
    const probers = cluster.probersOf('n5');
    const own = cluster.assigned('pod-5').peers;
    cluster.pod('pod-5', { deleting: true });
    cluster.update();
    assert.deepEqual(cluster.probersOf('n5'), []);
    assert.deepEqual(cluster.assigned('pod-5').peers, own, 'one that leaves goes on until it ends');

    cluster.pod('pod-5b', { node: 'n5', addresses: [], ready: false, wasReady: false });
    assert.deepEqual(cluster.update(), ['pod-5b']);
    assert.deepEqual(cluster.assigned('pod-5b').peers, own);
    cluster.pods.delete('pod-5');
    cluster.pod('pod-5b', { addresses: ['10.0.9.5'] });
    cluster.update();
    assert.deepEqual(cluster.probersOf('n5'), []);

    cluster.pod('pod-5b', { ready: true, wasReady: true });
    assert.deepEqual(cluster.update(), probers);
    assert.deepEqual(cluster.probersOf('n5'), probers);
    assert.ok(cluster.assigned(probers[0]!).peers.some(({ address }) => address === '10.0.9.5:8000'));
    assert.deepEqual(cluster.assigned('pod-5b').peers, own);
  });

  it('in which the new pod is ready before the old one goes takes the ready one', () => {
    const cluster = new Cluster(12);
    cluster.update();
    cluster.pod('pod-5b', { node: 'n5', addresses: ['10.0.9.5'] });
    cluster.pod('pod-5', { ready: false });
    const probers = cluster.probersOf('n5');
    assert.deepEqual(cluster.update(), [...probers, 'pod-5b'].sort());
    for (const uid of probers) {
      const peer = cluster.assigned(uid).peers.find(({ node }) => node === 'n5');
      assert.equal(peer?.address, '10.0.9.5:8000');
    }
  });
});

describe('a node that is cut off', () => {
  it('stays a target until it goes, whatever is done to it meanwhile', () => {
    const cluster = new Cluster(20);
    cluster.update();
    const probers = cluster.probersOf('n5');
    cluster.node('n5', { ready: false });
    assert.deepEqual(cluster.update(), []);
    cluster.pod('pod-5', { ready: false });
    cluster.node('n5', { notice: 'cordon' });
    cluster.update();
    cluster.pod('pod-5', { deleting: true });
    assert.deepEqual(cluster.update(), []);
    assert.deepEqual(cluster.probersOf('n5'), probers);
    assert.equal(cluster.plan.stateOf('pod-5'), 'cut-off');
    cluster.nodes.delete('n5');
    cluster.update();
    assert.deepEqual(cluster.probersOf('n5'), []);
  });

  it('that was cordoned before is none', () => {
    const cluster = new Cluster(20);
    cluster.node('n5', { notice: 'cordon' });
    cluster.update();
    cluster.node('n5', { ready: false });
    cluster.update();
    assert.deepEqual(cluster.probersOf('n5'), []);
    assert.equal(cluster.assigned('pod-5').peers.length, 10);
  });
});

describe('two address families', () => {
  const dual = (number: number) => [`10.0.0.${number}`, `fd00::${number}`];

  function dualStack(size: number): Cluster {
    const cluster = new Cluster(0);
    for (let number = 1; number <= size; number++) {
      cluster.node(`n${number}`, {});
      cluster.pod(`pod-${number}`, { node: `n${number}`, addresses: dual(number) });
    }
    cluster.update();
    return cluster;
  }

  const addressesOf = (cluster: Cluster) =>
    [...cluster.pods.keys()].map((uid) => cluster.assigned(uid).peers.map(({ address }) => address));

  it('are both used by about half of all pairs', () => {
    const cluster = dualStack(12);
    const addresses = addressesOf(cluster).flat();
    const v6 = addresses.filter((address) => address.startsWith('[fd00::')).length;
    assert.ok(v6 > addresses.length / 4 && v6 < (addresses.length * 3) / 4, `${v6} of ${addresses.length}`);
    assert.deepEqual(cluster.update(), []);
  });

  it('are both used by every pair where there are fewer peers than the spec allows, and by no more than it allows', () => {
    assert.deepEqual(
      addressesOf(dualStack(6)).map((addresses) => new Set(addresses).size),
      Array(6).fill(10),
    );
    assert.deepEqual(
      addressesOf(dualStack(8)).map((addresses) => new Set(addresses).size),
      Array(8).fill(10),
    );
    assert.deepEqual(addressesOf(dualStack(3))[0]!.toSorted(), [
      ...['10.0.0.2:8000', '10.0.0.3:8000', '[fd00::2]:8000', '[fd00::3]:8000'],
    ]);
  });

  it('are chosen by what the agent itself has, also when it gets that later', () => {
    const cluster = new Cluster(0);
    for (const [number, addresses] of [
      [1, dual(1)],
      [2, []],
    ] as const) {
      cluster.node(`n${number}`, {});
      cluster.pod(`pod-${number}`, { node: `n${number}`, addresses: [...addresses] });
    }
    cluster.update();
    assert.deepEqual(cluster.assigned('pod-1').peers, []);
    assert.equal(cluster.assigned('pod-2').peers[0]?.address, '10.0.0.1:8000');
    cluster.pod('pod-2', { addresses: ['fd00::2'] });
    assert.deepEqual(cluster.update(), ['pod-1', 'pod-2']);
    assert.equal(cluster.assigned('pod-2').peers[0]?.address, '[fd00::1]:8000');
  });
});

it('whatever happens, every change of an assignment is told, and another leader plans the same', () => {
  const change = fc.record({
    number: fc.integer({ min: 1, max: 30 }),
    pod: fc.constantFrom<Partial<AgentPod> | 'gone' | 'moved'>(
      'gone',
      'moved',
      { deleting: true },
      { ready: true, wasReady: true },
      { ended: true },
      { addresses: [] },
    ),
    node: fc.constantFrom<Partial<NodeFacts> | 'gone' | undefined>(
      undefined,
      undefined,
      'gone',
      { notice: 'cordon' },
      { notice: undefined },
      { zone: 'zone-9' },
    ),
  });
  const update = fc.record({ changes: fc.array(change, { maxLength: 4 }), dns: fc.subarray(['a:53', 'b:53', 'c:53']) });
  fc.assert(
    fc.property(fc.array(update, { maxLength: 12 }), fc.integer({ min: 0, max: 12 }), (updates, k) => {
      const cluster = new Cluster(25);
      cluster.settings.peersPerAgent = k;
      cluster.update();
      for (const [round, { changes, dns }] of updates.entries()) {
        const before = new Map([...cluster.pods.keys()].map((uid) => [uid, cluster.plan.assignmentOf(uid)]));
        cluster.settings.dnsServers = dns;
        for (const { number, pod, node } of changes) {
          const uid = `pod-${number}`;
          if (pod === 'gone') cluster.pods.delete(uid);
          else if (pod === 'moved') cluster.pod(uid, { node: `n${number}`, addresses: [`10.1.${round}.${number}`] });
          else cluster.pod(uid, { node: `n${number}`, ...pod });
          if (node === 'gone') cluster.nodes.delete(`n${number}`);
          else cluster.node(`n${number}`, node ?? {});
        }
        const changed = new Set(cluster.update());
        const other = new FleetPlan({ uid: 'cr', epoch: 7, startedAt: 2000 });
        cluster.update(other);
        for (const uid of cluster.pods.keys()) {
          const assignment = cluster.plan.assignmentOf(uid);
          const known = before.get(uid);
          assert.deepEqual(contentOf(assignment), contentOf(other.assignmentOf(uid)));
          if (!changed.has(uid)) assert.deepEqual(assignment, assignment && known);
          else assert.ok(assignment!.revision > (known?.revision ?? 0));
        }
      }
    }),
    { numRuns: 60 },
  );
});

function contentOf(assignment: ReturnType<FleetPlan['assignmentOf']>): object | undefined {
  return assignment && { ...assignment, revision: 0 };
}
