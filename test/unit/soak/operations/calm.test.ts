import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unrest } from '../../../../soak/operations/calm.ts';
import {
  agents,
  condition,
  conditionsWith,
  daemonSet,
  moment,
  node,
  now,
  pod,
  resource,
  saying,
  wellStatus,
} from './world.ts';

const atRest = { name: 'soak', nodes: 2, operators: 2 };
const missing = (over: Parameters<typeof moment>[0], operators = 2) => unrest(moment(over), operators, atRest);

test('agents that are well, and an operator that says so, are at rest', () => {
  assert.deepEqual(missing({}), []);
});

test('whatever is not as at rest is named', () => {
  const cases: [ReturnType<typeof missing>, RegExp][] = [
    [missing({ resource: undefined }), /no NetExporter/],
    [missing({ leader: undefined }), /no leader/],
    [missing({ leader: { pod: 'operator-1', since: now - 1000 } }), /a new one/],
    [missing({}, 1), /1 of 2 operators/],
    [missing({ nodes: [node('node-1'), node('node-2', false)] }), /1 of 2 nodes/],
    [missing({ nodes: [node('node-1'), { ...node('node-2'), isCordoned: true }] }), /1 of 2 nodes/],
    [missing({ hasSyncService: false }), /Service that agents call/],
    [missing({ children: moment().children.slice(1) }), /ServiceAccount soak-agent is missing/],
    [
      missing({ children: moment().children.map((child) => ({ ...child, isDeleting: true })) }),
      /DaemonSet soak-agent is/,
    ],
    [missing({ pods: [pod('node-1'), pod('node-2', { isReady: false })] }), /agents: notReady/],
    [missing({ daemonSet: { ...daemonSet, desired: 1 } }), /wants 1 of 2/],
    [missing({ pods: [pod('node-1'), pod('node-2'), pod('node-2', { uid: 'old' })] }), /3 pods/],
    [missing({ agents: agents({}, { generation: 2 }) }), /1 of 2 agents have the newest/],
  ];
  for (const [found, expected] of cases) assert.match(found.join('; '), expected);
});

test('an operator that does not say so is not at rest', () => {
  const figures = { ...wellStatus.agents!, configured: 1 };
  assert.deepEqual(missing({ resource: saying({ agents: figures }) }), ['the status says 1 configured']);
  const conditions = conditionsWith(condition('Stalled', 'True', 'AgentCrashLooping', 'x'));
  assert.deepEqual(missing({ resource: saying({ conditions }) }), [
    'Stalled is True of generation 3: AgentCrashLooping: x',
  ]);
  const found = missing({ resource: { ...resource, status: undefined } });
  assert.ok(found.includes('the status says undefined ready'));
});
