/** One rule of a ClusterRole. */
export interface PermissionRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** Everything the operator asks of the API server, and nothing more. The ClusterRole is made from this. */
export const operatorPermissions: PermissionRule[] = [
  { apiGroups: ['net-exporter.dev'], resources: ['netexporters'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['net-exporter.dev'], resources: ['netexporters/status'], verbs: ['patch'] },
  // OpenShift admits an owner reference with blockOwnerDeletion only from those who may update the owner's finalizers.
  { apiGroups: ['net-exporter.dev'], resources: ['netexporters/finalizers'], verbs: ['update'] },
  ...children([''], ['configmaps', 'serviceaccounts', 'services']),
  ...children(['apps'], ['daemonsets']),
  ...children(['networking.k8s.io'], ['networkpolicies'], ['delete']),
  { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
];

/** `get` because an object that the operator's label does not mark is looked up before it is created or reported. */
function children(apiGroups: string[], resources: string[], more: string[] = []): PermissionRule[] {
  return [{ apiGroups, resources, verbs: ['get', 'list', 'watch', 'create', 'patch', ...more] }];
}
