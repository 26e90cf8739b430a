import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticatedAgent } from '../../../../../src/operator/sync/identity/authenticated-agent.ts';

const claims = {
  namespace: 'monitoring',
  serviceAccount: 'default-agent',
  pod: 'default-agent-x',
  podUid: 'uid-x',
  node: 'node-1',
};
const pod = { uid: 'uid-x', owner: 'monitoring/default', node: 'node-1', isAgent: true };
const refused = (what: RegExp) => ({ name: 'SyncRefusal', code: 'NotAnAgent', status: 403, message: what });

test('the token of an agent’s pod names the agent', () => {
  assert.deepEqual(authenticatedAgent(claims, pod), {
    resource: 'monitoring/default',
    podUid: 'uid-x',
    pod: 'default-agent-x',
    node: 'node-1',
  });
});

test('the token of a pod that is gone, or that another one has replaced, is refused', () => {
  assert.throws(
    () => authenticatedAgent(claims, undefined),
    refused(/monitoring\/default-agent-x is not a known agent/),
  );
  assert.throws(() => authenticatedAgent(claims, { ...pod, uid: 'uid-y' }), refused(/another uid than in the token/));
});

test('the token of another service account, node or namespace is refused', () => {
  assert.throws(
    () => authenticatedAgent({ ...claims, serviceAccount: 'default' }, pod),
    refused(/service account default,/),
  );
  assert.throws(() => authenticatedAgent(claims, { ...pod, owner: 'monitoring/other' }), refused(/not other-agent/));
  assert.throws(() => authenticatedAgent({ ...claims, node: 'node-2' }, pod), refused(/another node/));
  assert.throws(() => authenticatedAgent({ ...claims, namespace: 'default' }, pod), refused(/service account/));
});

test('a pod with the labels and the service account of agents that is not of their DaemonSet is refused', () => {
  assert.throws(
    () => authenticatedAgent(claims, { ...pod, isAgent: false }),
    refused(/default-agent-x does not belong to DaemonSet default-agent/),
  );
});
