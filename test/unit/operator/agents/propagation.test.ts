import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AgentState, propagationOf } from '../../../../src/operator/agents/propagation.ts';

const settings = { uid: 'u', generation: 4, digest: '0123456789abcdef' };
const assignment = { uid: 'u', epoch: 2, revision: 7 };
const upToDate: AgentState = { node: 'n1', held: { settings, assignment }, silent: false, late: false, assignment };

for (const [what, change, why] of [
  ['holds everything', {}, undefined],
  ['has never called', { held: undefined }, 'no request yet'],
  ['does not call any more', { silent: true }, 'no longer sends requests'],
  ['holds nothing', { held: {} }, 'no settings yet'],
  [
    'holds an older generation',
    { held: { settings: { ...settings, generation: 3 }, assignment } },
    'outdated settings',
  ],
  [
    'holds others of the same generation',
    { held: { settings: { ...settings, digest: 'f' }, assignment } },
    'outdated settings',
  ],
  ['holds those of another object', { held: { settings: { ...settings, uid: 'v' }, assignment } }, 'outdated settings'],
  ['has no targets', { held: { settings } }, 'no targets yet'],
  [
    'has targets of the leader before',
    { held: { settings, assignment: { ...assignment, epoch: 1 } } },
    'outdated targets',
  ],
  [
    'has targets of an earlier plan',
    { held: { settings, assignment: { ...assignment, revision: 6 } } },
    'outdated targets',
  ],
  ['is not planned for yet', { assignment: undefined }, 'targets not planned yet'],
] as [string, Partial<AgentState>, string | undefined][])
  test(`an agent that ${what} ${why === undefined ? 'is configured' : `waits: it ${why}`}`, () => {
    const { configured, waiting } = propagationOf([{ ...upToDate, ...change }], settings);
    assert.equal(configured, why === undefined ? 1 : 0);
    assert.deepEqual(waiting, why === undefined ? [] : [{ node: 'n1', why }]);
  });

test('agents that call are counted, whatever they hold, and those that wait named in the order of their nodes', () => {
  const states: AgentState[] = [
    { ...upToDate, node: 'n9', held: {} },
    upToDate,
    { ...upToDate, node: 'n5', silent: true },
    { ...upToDate, node: 'n7', held: undefined },
    { ...upToDate, node: 'n6', held: undefined },
  ];
  const { agents, reporting, configured, waiting } = propagationOf(states, settings);
  assert.deepEqual({ agents, reporting, configured }, { agents: 5, reporting: 2, configured: 1 });
  assert.deepEqual(
    waiting.map(({ node }) => node),
    ['n5', 'n6', 'n7'],
  );
});

test('agents that a new leader has not heard of are counted apart, while they may still be about to call', () => {
  const states = [upToDate, { ...upToDate, node: 'n2', held: undefined }];
  for (const [early, unheard] of [
    [true, 1],
    [false, 0],
  ] as const)
    assert.deepEqual(propagationOf(states, settings, early), {
      ...{ agents: 2, reporting: 1, configured: 1, unheard, generation: 4, overdue: [] },
      waiting: [{ node: 'n2', why: 'no request yet' }],
    });
});

test('agents that are late make it overdue', () => {
  const overdue = (change: Partial<AgentState>) =>
    propagationOf([{ ...upToDate, ...change }], settings).overdue.length > 0;
  assert.deepEqual([overdue({}), overdue({ silent: true }), overdue({ late: true })], [false, false, true]);
});
