import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiRequest, isWrite } from '../../faults/api-request.ts';

const cases: [method: string, target: string, expected: string][] = [
  ['GET', '/api/v1/pods?limit=500', 'list pods'],
  ['GET', '/api/v1/pods?watch=true&resourceVersion=5', 'watch pods'],
  ['GET', '/apis/apps/v1/namespaces/n/daemonsets/a', 'get daemonsets n/a'],
  ['POST', '/apis/events.k8s.io/v1/namespaces/n/events?fieldManager=x', 'create events n/'],
  ['PATCH', '/apis/net-exporter.dev/v1alpha1/namespaces/n/netexporters/a/status', 'patch netexporters n/a/status'],
  ['PUT', '/apis/coordination.k8s.io/v1/namespaces/n/leases/a', 'update leases n/a'],
  ['DELETE', '/api/v1/namespaces/n/services/a', 'delete services n/a'],
  ['GET', '/api/v1/namespaces/n', 'get namespaces /n'],
  ['GET', '/apis/apps/v1', 'get '],
  ['GET', '/readyz', 'get '],
];

for (const [method, target, expected] of cases)
  test(`${method} ${target} asks to ${expected}`, () => {
    const { verb, resource, namespace, name, subresource } = apiRequest(method, target);
    const place = namespace === undefined && name === undefined ? '' : ` ${namespace ?? ''}/${name ?? ''}`;
    assert.equal(`${verb} ${resource}${place}${subresource === undefined ? '' : `/${subresource}`}`, expected);
    assert.equal(isWrite({ verb }), ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method));
  });
