import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import {
  agentState,
  dnsPodState,
  type EndpointFacts,
  type PodFacts,
  type TargetState,
  targetStates,
} from '../../../../src/operator/plan/target-states.ts';

const node: NodeFacts = { name: 'n1', zone: 'a', ready: true, notice: undefined, uid: 'node', bootId: 'b1' };
const pod: PodFacts = { ready: true, wasReady: true, deleting: false, ended: false };

/** What happens, one thing after the other, as changes of what was seen before. */
type Event = { pod?: Partial<PodFacts>; node?: Partial<NodeFacts> | 'gone' };

function statesOf(events: Event[], first: PodFacts = pod): TargetState[] {
  let seen = { pod: first, node: node as NodeFacts | undefined };
  let state: TargetState | undefined;
  return events.map((event) => {
    const after = event.node === 'gone' ? undefined : seen.node && { ...seen.node, ...event.node };
    seen = { pod: { ...seen.pod, ...event.pod }, node: after };
    state = agentState(seen.pod, seen.node, state);
    return state;
  });
}

const isProbed = (events: Event[], first?: PodFacts) =>
  statesOf(events, first).map((state) => targetStates[state].probed);

const unready = { pod: { ready: false } };
const silent = { node: { ready: false } };
const fresh: PodFacts = { ready: false, wasReady: false, deleting: false, ended: false };

describe('what was announced makes no error', () => {
  const planned: Record<string, Event[]> = {
    'a rollout: the pod is deleted, ends and goes': [{ pod: { deleting: true } }, unready],
    'a cordon, then the power is cut': [{ node: { notice: 'cordon' } }, silent, unready],
    'a graceful shutdown, of which the node says nothing once it is off': [
      { node: { notice: 'shutdown', ready: false } },
      unready,
      { node: { notice: undefined } },
    ],
    'a graceful shutdown that ends the pod for good': [
      { node: { notice: 'shutdown', ready: false } },
      { pod: { ready: false, ended: true } },
      { node: { notice: undefined } },
    ],
    'a node that an autoscaler takes away': [{ node: { notice: 'removal' } }, silent, { node: 'gone' }],
    'a node whose object is deleted': [{ node: { notice: 'deletion' } }, { node: 'gone' }],
    'an eviction': [{ pod: { ready: false, ended: true } }],
  };
  for (const [what, events] of Object.entries(planned))
    it(what, () => {
      assert.deepEqual(isProbed([{}, ...events]), [true, ...events.map(() => false)]);
    });

  it('a new pod is probed from when it is ready, not before', () => {
    const events: Event[] = [{}, silent, { node: { ready: true } }, { pod: { ready: true, wasReady: true } }];
    assert.deepEqual(isProbed(events, fresh), [false, false, false, true]);
  });

  it('a node that comes back from its maintenance is probed again', () => {
    const events: Event[] = [
      { node: { notice: 'cordon' } },
      silent,
      { node: { ready: true } },
      { node: { notice: undefined } },
    ];
    assert.deepEqual(isProbed(events), [false, false, false, true]);
  });

  it('a node that is back from its maintenance before its agent is probed once that is ready', () => {
    const maintenances: Record<string, Event[]> = {
      'a cordon and a reboot': [
        { node: { notice: 'cordon' } },
        silent,
        unready,
        { node: { ready: true, bootId: 'b2' } },
        { node: { notice: undefined } },
      ],
      'a graceful shutdown': [
        { node: { notice: 'shutdown', ready: false } },
        unready,
        { node: { ready: true, notice: undefined, bootId: 'b2' } },
      ],
    };
    // Once more not ready, as a node may be while it starts: also that is still the maintenance.
    const starting: Event[] = [{}, silent, { node: { ready: true } }];
    for (const [what, events] of Object.entries(maintenances)) {
      const states = statesOf([...events, ...starting, { pod: { ready: true } }, unready]);
      const held = states.slice(0, -2);
      assert.deepEqual([...new Set(held)], ['draining'], what);
      assert.deepEqual(states.slice(-2), ['serving', 'failing'], `${what}: then it can fail again`);
    }
  });

  it('a new pod in the place of one that was on such a node is probed once it is ready', () => {
    assert.equal(agentState(fresh, { ...node, notice: 'cordon' }, undefined), 'draining');
    assert.deepEqual(statesOf([{ node: { notice: 'cordon' } }, { node: { notice: undefined } }], fresh), [
      'draining',
      'starting',
    ]);
  });
});

describe('what ends without notice goes on being probed', () => {
  const unannounced: Record<string, Event[]> = {
    'a cut: the node falls silent, and then its pod is said not to be ready': [silent, unready],
    'a crash of the agent': [unready],
    'a hard reboot': [silent, unready, { node: { ready: true, bootId: 'b2' } }, { pod: { ready: true } }],
    'a cut after which someone cordons the node': [silent, { node: { notice: 'cordon' } }],
    'a cut after which someone deletes the pod, which then never ends': [silent, { pod: { deleting: true } }],
  };
  for (const [what, events] of Object.entries(unannounced))
    it(what, () => {
      assert.deepEqual(isProbed([{}, ...events]), [true, ...events.map(() => true)]);
    });

  it('until its Node goes', () => {
    assert.deepEqual(isProbed([{}, silent, { node: 'gone' }]), [true, true, false]);
  });

  it('a cut is told from a crash', () => {
    assert.deepEqual(statesOf([silent, { ...unready, node: { ready: true } }]), ['cut-off', 'failing']);
  });

  it('also for a leader that was elected in the middle of it', () => {
    assert.equal(agentState({ ...pod, ready: false }, { ...node, ready: false }, undefined), 'cut-off');
    assert.equal(agentState({ ...pod, ready: false }, node, undefined), 'failing');
  });
});

it('the documentation says the same of every state', async () => {
  const document = await readFile(new URL('../../../../docs/topology.md', import.meta.url), 'utf8');
  const rows = [...document.matchAll(/^\| `([a-z-]+)` \|[^|]*\| (\w+) \| (\w+) \| (\w+) \| (\w+) \|$/gm)];
  const documented = rows.map(([, state, ...meanings]) => {
    const [assigned, probed, counted, judged] = meanings.map((word) => word === 'yes');
    return [state, { assigned, probed, counted, judged }];
  });
  assert.deepEqual(Object.fromEntries(documented), targetStates);
});

it('looking twice at the same finds the same', () => {
  const pods = fc.record({ ready: fc.boolean(), wasReady: fc.boolean(), deleting: fc.boolean(), ended: fc.boolean() });
  const notice = fc.constantFrom(undefined, 'cordon', 'shutdown', 'removal', 'deletion') as fc.Arbitrary<
    NodeFacts['notice']
  >;
  const nodes = fc.option(
    fc.record({ ready: fc.boolean(), notice }).map((parts): NodeFacts => ({ ...node, ...parts })),
    { nil: undefined },
  );
  const states = fc.constantFrom(undefined, ...(Object.keys(targetStates) as TargetState[]));
  const endpoints = fc.record({ ready: fc.boolean(), terminating: fc.boolean() });
  fc.assert(
    fc.property(pods, endpoints, nodes, states, (pod, endpoint, node, before) => {
      const agent = agentState(pod, node, before);
      assert.equal(agentState(pod, node, agent), agent);
      const dnsPod = dnsPodState(endpoint, node, before);
      assert.equal(dnsPodState(endpoint, node, dnsPod), dnsPod);
    }),
  );
});

describe('a DNS pod', () => {
  const well: EndpointFacts = { ready: true, terminating: false };
  const isAsked = (events: { endpoint?: Partial<EndpointFacts>; node?: Partial<NodeFacts> }[]) => {
    let seen = { endpoint: well, node };
    let state: TargetState | undefined;
    return events.map((event) => {
      seen = { endpoint: { ...seen.endpoint, ...event.endpoint }, node: { ...seen.node, ...event.node } };
      state = dnsPodState(seen.endpoint, seen.node, state);
      return targetStates[state].probed;
    });
  };
  const unready = { endpoint: { ready: false } };

  it('is asked no more once it is terminating', () => {
    assert.deepEqual(isAsked([{}, { endpoint: { ready: false, terminating: true } }]), [true, false]);
  });

  it('that fails, or whose node falls silent, goes on being asked', () => {
    assert.deepEqual(isAsked([{}, unready, { endpoint: { ready: true } }]), [true, true, true]);
    assert.deepEqual(isAsked([{}, silent, unready, { node: { notice: 'cordon' } }]), [true, true, true, true]);
  });

  it('is asked while its node is cordoned, and no more when it then ceases to be ready', () => {
    assert.deepEqual(isAsked([{}, { node: { notice: 'cordon' } }, unready, silent]), [true, true, false, false]);
  });

  it('whose node shuts down is asked no more at once', () => {
    const shutdown = { node: { notice: 'shutdown', ready: false } } as const;
    assert.deepEqual(isAsked([{}, shutdown, unready, { node: { notice: undefined } }]), [true, false, false, false]);
  });

  it('whose node is about to be taken away is asked no more at once: one of a DaemonSet stays until the end', () => {
    for (const notice of ['removal', 'deletion'] as const)
      assert.deepEqual(isAsked([{}, { node: { notice } }, silent, unready]), [true, false, false, false], notice);
  });

  it('that stays on a node that is not taken away after all is asked again', () => {
    const events = [{ node: { notice: 'removal' } }, { node: { notice: undefined } }] as const;
    assert.deepEqual(isAsked([...events]), [false, true]);
  });

  it('that has never been ready is not asked', () => {
    assert.deepEqual(isAsked([unready, { endpoint: { ready: true } }]), [false, true]);
  });
});
