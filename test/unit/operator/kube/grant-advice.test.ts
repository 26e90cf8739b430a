import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grantAdvice } from '../../../../src/operator/kube/grant-advice.ts';

/** As the API server's authorizer says it. */
function forbidden(verb: string, resource: string, group: string, where: string): string {
  const user = 'system:serviceaccount:net-exporter-system:net-exporter-operator';
  return `${resource} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
}

const own = 'in the namespace "net-exporter-system"';
const role = 'Role net-exporter-operator in the namespace net-exporter-system';
const clusterRole = 'ClusterRole net-exporter-operator';

for (const [verb, resource, group, where, expected] of [
  ['patch', 'leases', 'coordination.k8s.io', own, role],
  ['create', 'secrets', '', own, role],
  ['list', 'secrets', '', own, role],
  ['delete', 'endpointslices', 'discovery.k8s.io', own, role],
  ['create', 'endpointslices/restricted', 'discovery.k8s.io', own, role],
  [
    'patch',
    'leases',
    'coordination.k8s.io',
    'in the namespace "elsewhere"',
    role.replace('net-exporter-system', 'elsewhere'),
  ],
  ['list', 'endpointslices', 'discovery.k8s.io', 'at the cluster scope', clusterRole],
  ['list', 'endpointslices', 'discovery.k8s.io', 'in the namespace "kube-system"', clusterRole],
  ['patch', 'daemonsets', 'apps', 'in the namespace "monitoring"', clusterRole],
  ['patch', 'netexporters/status', 'net-exporter.dev', 'in the namespace "monitoring"', clusterRole],
  ['list', 'nodes', '', 'at the cluster scope', clusterRole],
] as const)
  test(`to ${verb} ${resource} ${where} takes the ${expected}`, () => {
    assert.equal(
      grantAdvice(forbidden(verb, resource, group, where)),
      `grant the verb ${verb} on ${resource} (API group "${group}") in the ${expected}, or apply manifests/install.yaml again`,
    );
  });

test('what no role forbids gets no advice', () => {
  assert.equal(grantAdvice('pods "a" is forbidden: exceeded quota: compute'), undefined);
});
