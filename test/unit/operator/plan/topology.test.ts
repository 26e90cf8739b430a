import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type RosterChange, type RosterEntry, Topology } from '../../../../src/operator/plan/topology.ts';
import { joining, rosterOf, rosterShapes } from './rosters.ts';

const peersPerAgent = fc.oneof(fc.constant(10), fc.integer({ min: 1, max: 30 }));

/** Plans take time with thousands of agents; `npm test` runs on small machines. */
const runs = { numRuns: 25 };

function planned(roster: readonly RosterEntry[], k: number, seed = 'uid'): Topology {
  const topology = new Topology({ seed, peersPerAgent: k });
  topology.update(joining(roster));
  return topology;
}

type Plan = Record<string, string[]>;

function planOf(topology: Topology, roster: readonly RosterEntry[]): Plan {
  return Object.fromEntries(roster.map(({ name }) => [name, topology.peersOf(name)]));
}

/** The peers with their zones, which an agent is told, too. */
function zonedPlanOf(topology: Topology, agents: ReadonlyMap<string, RosterEntry>): Plan {
  const zoned = (name: string) => topology.peersOf(name).map((peer) => `${peer} in ${agents.get(peer)!.zone}`);
  return Object.fromEntries([...agents.keys()].map((name) => [name, zoned(name)]));
}

const withoutZones = (roster: readonly RosterEntry[]) => roster.map((entry) => ({ ...entry, zone: '' }));

/** How many plans are others, those left out that are in one only. */
function differences(before: Plan, after: Plan): Set<string> {
  const differing = Object.keys(after).filter((name) => before[name]?.join() !== after[name]!.join());
  return new Set(differing);
}

describe('who probes whom', () => {
  it('is as many others as the spec says, each once and never oneself', () => {
    fc.assert(
      fc.property(rosterShapes, peersPerAgent, (shape, k) => {
        const roster = withoutZones(rosterOf(shape));
        for (const [name, peers] of Object.entries(planOf(planned(roster, k), roster))) {
          assert.equal(peers.length, Math.min(k, roster.length - 1));
          assert.equal(new Set(peers).size, peers.length);
          assert.ok(!peers.includes(name));
        }
      }),
      runs,
    );
  });

  it('is at most two more where zones have to be linked, and never fewer', () => {
    fc.assert(
      fc.property(rosterShapes, peersPerAgent, (shape, k) => {
        const roster = rosterOf(shape);
        for (const [name, peers] of Object.entries(planOf(planned(roster, k), roster))) {
          assert.ok(peers.length >= Math.min(k, roster.length - 1) && peers.length <= k + 2, `${peers.length} peers`);
          assert.equal(new Set(peers).size, peers.length);
          assert.ok(!peers.includes(name));
        }
      }),
      runs,
    );
  });

  it('leaves nobody out: from everyone links lead to everyone', () => {
    fc.assert(
      fc.property(rosterShapes, peersPerAgent, (shape, k) => {
        const roster = rosterOf(shape);
        const plan = planOf(planned(roster, k), roster);
        assert.equal(reachable(plan, roster[0]!.name).size, roster.length);
        assert.equal(reachable(reversed(plan), roster[0]!.name).size, roster.length);
      }),
      runs,
    );
  });

  it('does not depend on the order in which agents are listed', () => {
    fc.assert(
      fc.property(rosterShapes, peersPerAgent, fc.infiniteStream(fc.nat()), (shape, k, numbers) => {
        const roster = rosterOf(shape);
        const shuffled = roster
          .map((entry) => ({ entry, number: numbers.next().value! }))
          .sort((a, b) => a.number - b.number)
          .map(({ entry }) => entry);
        const [one, other] = [planned(roster, k), planned(shuffled, k)];
        assert.deepEqual(planOf(other, roster), planOf(one, roster));
        assert.deepEqual(other.uncovered, one.uncovered);
      }),
      runs,
    );
  });

  it('does not depend on what was before, and every change of a plan is told', () => {
    const change = fc.record({
      number: fc.nat({ max: 59 }),
      state: fc.constantFrom('probed', 'probed', 'unprobed', 'gone'),
      zone: fc.constantFrom('', 'a', 'a', 'b', 'c', 'd'),
    });
    const updates = fc.array(
      fc.oneof(
        { weight: 5, arbitrary: fc.array(change, { maxLength: 3 }) },
        { weight: 1, arbitrary: fc.array(change, { maxLength: 60 }) },
      ),
      { maxLength: 25 },
    );
    fc.assert(
      fc.property(updates, fc.integer({ min: 0, max: 12 }), (updates, k) => {
        const topology = new Topology({ seed: 'uid', peersPerAgent: k });
        const agents = new Map<string, RosterEntry>();
        let before: Plan = {};
        for (const update of updates) {
          const changes = new Map<string, RosterChange>();
          for (const { number, state, zone } of update) {
            const name = `node-${number}`;
            const entry = state === 'gone' ? undefined : { name, zone, probed: state === 'probed' };
            changes.set(name, { name, entry });
          }
          for (const { name, entry } of changes.values())
            if (entry) agents.set(name, entry);
            else agents.delete(name);
          const changed = topology.update([...changes.values()]);
          const roster = [...agents.values()];
          const fresh = planned(roster, k);
          assert.deepEqual(planOf(topology, roster), planOf(fresh, roster));
          assert.deepEqual(topology.uncovered, fresh.uncovered);
          const after = zonedPlanOf(topology, agents);
          assert.deepEqual([...changed].sort(), [...differences(before, after)].sort());
          before = after;
        }
      }),
      { numRuns: 100 },
    );
  });

  it('changes for at most 2k+2 agents when one comes or goes, where no zone has to be linked', () => {
    fc.assert(
      fc.property(rosterShapes, peersPerAgent, fc.nat(), (shape, k, pick) => {
        const roster = withoutZones(rosterOf(shape));
        const topology = planned(roster, k);
        const entry = roster[pick % roster.length]!;
        const others = roster.filter((other) => other !== entry);
        const before = planOf(topology, others);
        topology.update([{ name: entry.name, entry: undefined }]);
        const without = planOf(topology, others);
        assert.ok(differences(before, without).size <= 2 * k + 2);
        assert.deepEqual(without, planOf(planned(others, k), others));
        assert.ok(topology.update(joining([entry])).size <= 2 * k + 2);
        assert.deepEqual(planOf(topology, others), before);
      }),
      runs,
    );
  });

  it('gives every pair of zones a link wherever zones have agents enough, and counts the pairs that have none', () => {
    let enough = 0;
    fc.assert(
      fc.property(rosterShapes, peersPerAgent, (shape, k) => {
        const roster = rosterOf(shape);
        const topology = planned(roster, k);
        const sizes = new Map<string, number>();
        for (const { zone } of roster) sizes.set(zone, (sizes.get(zone) ?? 0) + 1);
        const without = pairsWithoutLink(planOf(topology, roster), roster);
        const { uncovered } = topology;
        assert.equal(uncovered?.count ?? 0, without.size);
        assert.equal(uncovered?.first.join(' '), [...without].sort()[0]);
        if (Math.min(...sizes.values()) >= Math.ceil((2 * (sizes.size - 1)) / k)) {
          enough++;
          assert.equal(uncovered, undefined);
        }
      }),
      { numRuns: 60 },
    );
    assert.ok(enough > 10, `only ${enough} rosters had agents enough`);
  });

  it('finds as many links between zones as fit where zones are too small', () => {
    // Ten zones of one agent each: its successor is covered, and two more links are allowed.
    const roster = Array.from({ length: 10 }, (_, n) => ({ name: `node-${n}`, zone: `zone-${n}`, probed: true }));
    const topology = planned(roster, 3);
    assert.ok(roster.every(({ name }) => topology.peersOf(name).length === 5));
    assert.equal(topology.uncovered?.count, 10 * (9 - 5));
  });

  it('is found without a word about each of the pairs that zones too small leave out, of which there may be millions', () => {
    const roster = Array.from({ length: 2000 }, (_, n) => ({ name: `node-${n}`, zone: `zone-${n}`, probed: true }));
    const { uncovered } = planned(roster, 10);
    // Its successor keeps its place; the others have zones of their own anyway, and two more links are allowed.
    assert.equal(uncovered?.count, 2000 * (1999 - 12));
    assert.ok(JSON.stringify(uncovered).length < 100);
  });

  it('counts agents of unknown zones in no pair', () => {
    const roster = rosterOf({ agents: 40, zones: 2, skew: 1, salt: 1 });
    const some = roster.map((entry, n) => (n % 20 === 0 ? { ...entry, zone: '' } : entry));
    assert.equal(planned(some, 2).uncovered, undefined);
    assert.equal(planned(withoutZones(roster), 2).uncovered, undefined);
  });

  it('is nobody where the spec says so', () => {
    const roster = rosterOf({ agents: 20, zones: 3, skew: 1, salt: 1 });
    const topology = planned(roster, 0);
    assert.ok(roster.every(({ name }) => topology.peersOf(name).length === 0));
    assert.equal(topology.uncovered, undefined);
  });

  it('leaves out agents that are not to be probed, which probe as all do', () => {
    fc.assert(
      fc.property(rosterShapes, peersPerAgent, (shape, k) => {
        const roster = rosterOf(shape).map((entry, n) => ({ ...entry, zone: '', probed: n % 3 !== 0 }));
        const probed = new Set(roster.filter((entry) => entry.probed).map(({ name }) => name));
        for (const [name, peers] of Object.entries(planOf(planned(roster, k), roster))) {
          assert.ok(peers.every((peer) => probed.has(peer)));
          assert.equal(peers.length, Math.min(k, probed.size - (probed.has(name) ? 1 : 0)));
        }
      }),
      runs,
    );
  });

  it('is another one for another seed', () => {
    const roster = rosterOf({ agents: 100, zones: 1, skew: 1, salt: 1 });
    const [one, other] = ['uid-1', 'uid-2'].map((seed) => planOf(planned(roster, 10, seed), roster));
    assert.ok(differences(one!, other!).size > 90);
  });
});

describe('over fixed seeds', () => {
  it('every agent is probed by k±4 others', () => {
    for (const agents of [12, 20, 50, 100, 300, 1000, 5000])
      for (const salt of [1, 2, 3]) {
        const roster = withoutZones(rosterOf({ agents, zones: 1, skew: 1, salt }));
        const counts = Object.values(reversed(planOf(planned(roster, 10), roster))).map(({ length }) => length);
        const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
        assert.ok(fewest >= 6 && most <= 14, `${fewest} to ${most} of ${agents} agents, salt ${salt}`);
      }
  });

  it('an agent that comes or goes changes at most 2k+2 plans in the median where zones have to be linked', (t) => {
    const k = 10;
    for (const [agents, zones, skew] of [
      [60, 12, 1],
      [500, 50, 1],
      [500, 50, 2],
      [2000, 50, 4],
    ] as const) {
      const roster = rosterOf({ agents, zones, skew, salt: 1 });
      const topology = planned(roster, k);
      const counts: number[] = [];
      for (let round = 0; round < 30; round++) {
        const entry = roster[(round * 37) % agents]!;
        counts.push(topology.update([{ name: entry.name, entry: undefined }]).size);
        counts.push(topology.update(joining([entry])).size);
      }
      counts.sort((a, b) => a - b);
      const median = counts[counts.length / 2]!;
      t.diagnostic(`${agents} agents, ${zones} zones, skew ${skew}: median ${median}, at most ${counts.at(-1)}`);
      assert.ok(median <= 2 * k + 2, `${median} plans`);
    }
  });
});

function reachable(plan: Plan, from: string): Set<string> {
  const found = new Set([from]);
  for (const name of found) for (const peer of plan[name]!) found.add(peer);
  return found;
}

function reversed(plan: Plan): Plan {
  const sources: Plan = Object.fromEntries(Object.keys(plan).map((name) => [name, []]));
  for (const [name, peers] of Object.entries(plan)) for (const peer of peers) sources[peer]!.push(name);
  return sources;
}

function pairsWithoutLink(plan: Plan, roster: readonly RosterEntry[]): Set<string> {
  const zoneOf = new Map(roster.map(({ name, zone }) => [name, zone]));
  const zones = [...new Set(zoneOf.values())];
  const pairs = new Set(zones.flatMap((from) => zones.filter((to) => to !== from).map((to) => `${from} ${to}`)));
  for (const [name, peers] of Object.entries(plan))
    for (const peer of peers) pairs.delete(`${zoneOf.get(name)} ${zoneOf.get(peer)}`);
  return pairs;
}
