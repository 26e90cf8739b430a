import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lacksIn } from '../../../../soak/operations/description.ts';

/** As kubectl 1.37 prints it. */
const text = (ready: string, propagated: string, events = '') => `Name:         soak
Namespace:    net-exporter-bench
Spec:
  Agent:
    Image:
Status:
  Agents:
    Ready:    1
    Summary:  1/2
  Conditions:
    Last Transition Time:  2026-05-04T10:00:00Z
    Message:               ${ready}
    Observed Generation:   3
    Reason:                AgentsNotReady
    Status:                False
    Type:                  Ready
    Last Transition Time:  2026-05-04T10:00:00Z
    Message:               No obstacles, not even node-9. Check nothing.
    Observed Generation:   3
    Reason:                NoObstacle
    Status:                False
    Type:                  Stalled
    Last Transition Time:  2026-05-04T10:00:00Z
    Message:               ${propagated}
    Observed Generation:   3
    Reason:                AgentsConfigured
    Status:                True
    Type:                  ConfigPropagated
  Observed Generation:     3
Events:
  Type     Reason          Age                    From                       Message
  ----     ------          ----                   ----                       -------
${events}`;

const expected = { names: ['node-2'], remedy: /check the logs/i };

test('a message of a condition that is bad has to name the node and what to do', () => {
  assert.deepEqual(lacksIn(text('1 of 2 agents are ready: node-2. Check the logs.', 'All.'), expected), []);
  assert.match(
    lacksIn(text('1 of 2 agents are ready. Check the logs.', 'All.'), expected)[0]!,
    /^no message names node-2/,
  );
  assert.match(lacksIn(text('1 of 2 agents are ready: node-2.', 'All.'), expected)[0]!, /^no message says what to do/);
});

test('a name within a longer one is not named', () => {
  assert.equal(lacksIn(text('1 of 2 agents are ready: node-21. Check the logs.', 'All.'), expected).length, 1);
  assert.equal(lacksIn(text('1 of 2 agents are ready: a-node-2. Check the logs.', 'All.'), expected).length, 1);
  assert.deepEqual(lacksIn(text('Not ready: soak-agent-x on node-2. Check the logs.', 'All.'), expected), []);
});

test('an Event that is older than what is looked for says nothing of it', () => {
  const event = '  Warning  AgentsNotReady  9s  net-exporter.dev/operator  node-2 is lost. Check the logs.\n';
  assert.deepEqual(lacksIn(text('1 of 2.', 'All.', event), expected, 9), []);
  assert.equal(lacksIn(text('1 of 2.', 'All.', event), expected, 8).length, 1);
});

test('both have to be in one message', () => {
  const names = ['node-2', 'node-3'];
  assert.equal(lacksIn(text('Look at node-2. Check the logs.', 'node-3'), { ...expected, names }).length, 1);
});

test('the message of a condition that is as it should be says nothing', () => {
  assert.equal(lacksIn(text('1 of 2.', 'node-2. Check the logs.'), expected).length, 1);
  assert.equal(lacksIn(text('1 of 2.', 'All.'), { ...expected, names: ['node-9'] }).length, 1);
});

test('a Warning Event of the last minute says it too, an older one and a Normal one do not', () => {
  const event = (type: string, age: string) =>
    `  ${type}  AgentsNotReady  ${age}                    net-exporter.dev/operator  node-2 is lost. Check the logs.\n`;
  assert.deepEqual(lacksIn(text('1 of 2.', 'All.', event('Warning', '7s')), expected), []);
  assert.deepEqual(lacksIn(text('1 of 2.', 'All.', event('Warning', '9s (x2 over 5m)')), expected), []);
  assert.equal(lacksIn(text('1 of 2.', 'All.', event('Warning', '119s')), expected).length, 1);
  assert.equal(lacksIn(text('1 of 2.', 'All.', event('Warning', '5m')), expected).length, 1);
  assert.equal(lacksIn(text('1 of 2.', 'All.', event('Normal ', '7s')), expected).length, 1);
});
