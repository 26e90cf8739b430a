import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiVersionOf, pathOf } from '../../../../src/operator/kube/resource.ts';

const pods = { group: '', version: 'v1', kind: 'Pod', plural: 'pods' };
const sets = { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets' };

test('the core group and the others have paths of their own', () => {
  assert.equal(pathOf(pods), '/api/v1/pods');
  assert.equal(pathOf(sets, { namespace: 'n' }), '/apis/apps/v1/namespaces/n/daemonsets');
  const status = { namespace: 'n', name: 'a', subresource: 'status' };
  assert.equal(pathOf(sets, status), '/apis/apps/v1/namespaces/n/daemonsets/a/status');
  assert.deepEqual([apiVersionOf(pods), apiVersionOf(sets)], ['v1', 'apps/v1']);
});

test('a name cannot leave its place in the path', () => {
  assert.equal(pathOf(pods, { namespace: 'n', name: '../x?y' }), '/api/v1/namespaces/n/pods/..%2Fx%3Fy');
});
