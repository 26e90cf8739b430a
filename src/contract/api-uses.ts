import { group, kind, plural, version } from '../crd/net-exporter.ts';
import { operatorName, operatorNamespace, syncServiceName } from './operator-names.ts';

/** RBAC verbs. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'update' | 'delete';

/** A kind of object, its API, and everything that the operator does with it. */
export interface ApiUse {
  /** Empty for the core group. */
  group: string;
  version: string;
  kind: string;
  plural: string;
  verbs: readonly Verb[];
  subresources?: Readonly<Record<string, readonly Verb[]>>;
  /** Namespace, if it is used in only one; otherwise all namespaces. */
  namespace?: string;
  /** Name, if only one object of the kind is used. RBAC cannot restrict creation to a name. */
  name?: string;
}

/** Watched and applied; read before an object without our label is created or reported. */
const applied = ['get', 'list', 'watch', 'create', 'patch'] as const;
/** `delete` in addition: the object is optional, or has immutable fields that require recreating it. */
const replaced = [...applied, 'delete'] as const;

const endpointSlice = {
  ...{ group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices' },
} as const;

/** Paths that are not objects: how service account tokens are verified. */
export const apiPaths = { issuer: '/.well-known/openid-configuration', keys: '/openid/v1/jwks' } as const;

/**
 * All API requests of the operator about objects. Its modules take their resources from here and its roles are
 * generated from it, so a request that is not declared is forbidden.
 */
export const apiUses = {
  netExporters: {
    ...{ group, version, kind, plural },
    verbs: ['get', 'list', 'watch'],
    subresources: {
      status: ['patch'],
      // OpenShift requires the right to update the finalizers of the owner for an owner reference with
      // blockOwnerDeletion.
      finalizers: ['update'],
    },
  },
  serviceAccounts: { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', verbs: applied },
  services: { group: '', version: 'v1', kind: 'Service', plural: 'services', verbs: replaced },
  configMaps: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', verbs: replaced },
  daemonSets: { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets', verbs: replaced },
  networkPolicies: {
    ...{ group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy', plural: 'networkpolicies' },
    verbs: replaced,
  },
  podMonitors: {
    ...{ group: 'monitoring.coreos.com', version: 'v1', kind: 'PodMonitor', plural: 'podmonitors' },
    verbs: replaced,
  },
  prometheusRules: {
    ...{ group: 'monitoring.coreos.com', version: 'v1', kind: 'PrometheusRule', plural: 'prometheusrules' },
    verbs: replaced,
  },
  pods: { group: '', version: 'v1', kind: 'Pod', plural: 'pods', verbs: ['list', 'watch'] },
  nodes: { group: '', version: 'v1', kind: 'Node', plural: 'nodes', verbs: ['list', 'watch'] },
  // The pods of the cluster's DNS, in any namespace that a NetExporter names.
  endpointSlices: { ...endpointSlice, verbs: ['list', 'watch'] },
  // Routes agents to the leader. Recreated if its address family changes.
  leaderEndpointSlice: {
    ...endpointSlice,
    verbs: ['create', 'patch', 'delete'],
    // OpenShift requires this right, which is not an object, for addresses of pods.
    subresources: { restricted: ['create'] },
    namespace: operatorNamespace,
    name: syncServiceName,
  },
  // The operator's certificate authority and certificate.
  syncSecret: {
    ...{ group: '', version: 'v1', kind: 'Secret', plural: 'secrets' },
    verbs: ['list', 'watch', 'create', 'patch'],
    namespace: operatorNamespace,
    name: syncServiceName,
  },
  // Leader election. Patched, so that fields of others are kept.
  leases: {
    ...{ group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases' },
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
    namespace: operatorNamespace,
    name: operatorName,
  },
  // Listed to find out why pods of agents are refused.
  events: {
    ...{ group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events' },
    verbs: ['list', 'create', 'patch'],
  },
} as const satisfies Record<string, ApiUse>;
