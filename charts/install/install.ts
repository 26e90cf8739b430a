import { App, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { operatorName, operatorNamespace, operatorSelector } from '../../src/contract/operator-names.ts';
import { group, plural } from '../../src/crd/net-exporter.ts';
import { addOperatorDeployment } from '../operator/operator-deployment.ts';
import { addOperatorNetwork } from '../operator/operator-network.ts';
import { operatorOwnPermissions, operatorPaths, operatorPermissions } from '../operator/operator-permissions.ts';
import { addOperatorPolicy } from '../policy/operator-policy.ts';
import { addCustomResourceDefinition } from './custom-resource-definition.ts';
import { restricted } from './pod-security.ts';
import { addAgentPriorityClass } from './priority-class.ts';

/** Labels of every object of the installation. */
export const operatorLabels = {
  ...operatorSelector,
  'app.kubernetes.io/component': 'operator',
  'app.kubernetes.io/part-of': 'net-exporter',
};

/**
 * Everything that `kubectl apply` needs to install the operator in a version, in the order in which to apply it: the
 * resource's definition, a namespace, the class of the agents, the operator with its rights, and what lets others reach
 * it.
 */
export function installation(version: string): object[] {
  const chart = new Chart(new App(), 'install', {
    labels: operatorLabels,
    disableResourceNameHashes: true,
  });
  addCustomResourceDefinition(chart);
  new k8s.KubeNamespace(chart, 'namespace', { metadata: { name: operatorNamespace, labels: restricted } });
  addAgentPriorityClass(chart);
  // Before what it restricts, so that no operator of this version works without it.
  addOperatorPolicy(chart);
  addAccess(chart);
  addViewRole(chart);
  addOperatorDeployment(chart, version);
  addOperatorNetwork(chart);
  return chart.toJson();
}

/** The operator's identity and what it may do. */
function addAccess(scope: Construct): void {
  new k8s.KubeServiceAccount(scope, 'service-account', {
    metadata: { name: operatorName, namespace: operatorNamespace },
    // Only the operator's pod asks for the token, by its own field.
    automountServiceAccountToken: false,
  });
  const { nonResourceURLs: nonResourceUrLs, verbs } = operatorPaths;
  new k8s.KubeClusterRole(scope, 'role', {
    metadata: { name: operatorName },
    rules: [...operatorPermissions, { nonResourceUrLs, verbs }],
  });
  new k8s.KubeClusterRoleBinding(scope, 'role-binding', {
    metadata: { name: operatorName },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: operatorName },
    subjects: [{ kind: 'ServiceAccount', name: operatorName, namespace: operatorNamespace }],
  });
  const metadata = { name: operatorName, namespace: operatorNamespace };
  new k8s.KubeRole(scope, 'own-role', { metadata, rules: operatorOwnPermissions });
  new k8s.KubeRoleBinding(scope, 'own-role-binding', {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: operatorName },
    subjects: [{ kind: 'ServiceAccount', ...metadata }],
  });
}

/**
 * Subjects that may view a namespace's workloads may also view its NetExporters. There is no such role for writing: a
 * user who may create a NetExporter can run any image on every node, so a cluster administrator has to grant that
 * explicitly.
 */
function addViewRole(scope: Construct): void {
  new k8s.KubeClusterRole(scope, 'view', {
    metadata: { name: 'net-exporter-view', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [{ apiGroups: [group], resources: [plural], verbs: ['get', 'list', 'watch'] }],
  });
}
