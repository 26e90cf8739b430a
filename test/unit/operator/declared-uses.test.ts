import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type ApiUse, apiUses, type Verb } from '../../../src/contract/api-uses.ts';
import { until } from '../fake-clock.ts';
import { FakeApiServer, operatorOn, type Target } from './fake-api-server.ts';
import { netExporter } from './net-exporter-builder.ts';

function isDeclared(verb: Verb, { group, plural, subresource, namespace, name }: Target): boolean {
  return Object.values<ApiUse>(apiUses).some(
    (use) =>
      use.group === group &&
      use.plural === plural &&
      (use.namespace === undefined || use.namespace === namespace) &&
      (use.name === undefined || name === undefined || use.name === name) &&
      (subresource === undefined ? use.verbs : (use.subresources?.[subresource] ?? [])).includes(verb),
  );
}

test('whatever an operator asks of the API server is declared, so that the generated roles allow it', async () => {
  const server = await FakeApiServer.start(isDeclared);
  after(() => server.stop());
  server.put(netExporter());
  const { asked } = server;
  const { operator } = operatorOn(server);
  operator.start();
  const expected = [
    ...['serviceaccounts.', 'services.', 'configmaps.', 'daemonsets.apps', 'networkpolicies.networking.k8s.io']
      .concat('podmonitors.monitoring.coreos.com', 'prometheusrules.monitoring.coreos.com')
      .map((kind) => `create ${kind}`),
    'create events.events.k8s.io',
    'create leases.coordination.k8s.io',
    'patch netexporters/status.net-exporter.dev',
    'create secrets.',
    'create endpointslices.discovery.k8s.io',
  ];
  await until(() => expected.every((request) => asked.has(request)), 'everything has been made');
  await operator.stop();
  const declared = new Set(
    Object.values<ApiUse>(apiUses).flatMap(({ group, plural, verbs, subresources = {} }) => [
      ...verbs.map((verb) => `${verb} ${plural}.${group}`),
      ...Object.entries(subresources).flatMap(([sub, more]) => more.map((verb) => `${verb} ${plural}/${sub}.${group}`)),
    ]),
  );
  assert.deepEqual(
    [...asked].filter((request) => !declared.has(request)),
    [],
  );
});

test('what is not declared counts as such', () => {
  const maps = { group: '', namespace: 'n', plural: 'configmaps', name: 'a', subresource: undefined };
  assert.equal(isDeclared('delete', maps), true);
  assert.equal(isDeclared('update', maps), false);
  assert.equal(isDeclared('list', { ...maps, plural: 'secrets' }), false);
  const secret = { ...maps, plural: 'secrets', namespace: 'net-exporter-system', name: 'net-exporter-operator-sync' };
  assert.equal(isDeclared('patch', secret), true);
  assert.equal(isDeclared('patch', { ...secret, name: 'other' }), false);
  assert.equal(isDeclared('delete', secret), false);
  assert.equal(isDeclared('get', { ...maps, subresource: 'status' }), false);
  const lease = { ...maps, group: 'coordination.k8s.io', plural: 'leases', name: 'net-exporter-operator' };
  assert.equal(isDeclared('get', lease), false);
  assert.equal(isDeclared('get', { ...lease, namespace: 'net-exporter-system' }), true);
});
