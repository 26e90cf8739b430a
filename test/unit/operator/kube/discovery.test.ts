import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { isServed, saysNotServed } from '../../../../src/operator/kube/discovery.ts';

const resource = { group: 'monitoring.coreos.com', version: 'v1', kind: 'PodMonitor', plural: 'podmonitors' };
const all = ['create', 'delete', 'get', 'list', 'patch', 'watch'];

function answering(answer: { name: string; verbs: string[] }[] | Error) {
  return {
    served: async () => {
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

test('a kind is served when its version lists it', async () => {
  const others = { name: 'servicemonitors', verbs: all };
  assert.equal(await isServed(answering([others, { name: 'podmonitors', verbs: all }]), resource), true);
  assert.equal(await isServed(answering([others, { name: 'podmonitors/status', verbs: all }]), resource), false);
});

test('a version that the API server does not know serves nothing', async () => {
  assert.equal(await isServed(answering(new ApiError('NotFound', '404 page not found')), resource), false);
});

test('one whose definition is being deleted takes no new objects and counts as gone', async () => {
  const verbs = ['delete', 'deletecollection', 'get', 'list', 'watch'];
  assert.equal(await isServed(answering([{ name: 'podmonitors', verbs }]), resource), false);
});

test('no answer says nothing', async () => {
  await assert.rejects(isServed(answering(new ApiError('Unavailable', 'away')), resource), { code: 'Unavailable' });
});

test('a missing API is told from a missing object', () => {
  const notFound = (message: string) => new ApiError('NotFound', message, { status: 404 });
  assert.equal(saysNotServed(notFound('the server could not find the requested resource')), true);
  assert.equal(saysNotServed(notFound('the API server returned status 404: 404 page not found')), true);
  assert.equal(saysNotServed(notFound('podmonitors.monitoring.coreos.com "a" not found')), false);
  assert.equal(saysNotServed(new ApiError('Unexpected', 'terminating', { status: 405 })), true);
  assert.equal(saysNotServed(new ApiError('Forbidden', 'no', { status: 403 })), false);
  const words =
    'podmonitors.monitoring.coreos.com "a" is forbidden: create not allowed while custom resource definition is terminating';
  assert.equal(saysNotServed(new ApiError('Forbidden', words, { status: 403 })), true);
  assert.equal(saysNotServed(new TypeError('x')), false);
});
