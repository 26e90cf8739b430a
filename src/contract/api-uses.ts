import { group, kind, plural, version } from '../crd/net-exporter.ts';
import { operatorName, operatorNamespace, syncServiceName } from './operator-names.ts';

/** What may be asked of the API server, in the words of RBAC. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'update' | 'delete';

/** A kind of object, where the API server keeps it, and everything that the operator does with it there. */
export interface ApiUse {
  /** Empty for the core group. */
  group: string;
  version: string;
  kind: string;
  plural: string;
  verbs: readonly Verb[];
  subresources?: Readonly<Record<string, readonly Verb[]>>;
  /** The one namespace in which it is used; every namespace where this is left out. */
  namespace?: string;
  /** The one object of the kind that is used. Creating one cannot be limited to a name. */
  name?: string;
}

/** Followed, created, mended by server-side apply; looked up before an object without our label is created or reported. */
const applied = ['get', 'list', 'watch', 'create', 'patch'] as const;
/** `delete` too: where the object is optional, or has fields that can be changed only by creating it anew. */
const replaced = [...applied, 'delete'] as const;

const endpointSlice = {
  ...{ group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices' },
} as const;

/** What the operator reads of the API server that is no object: how tokens of service accounts are verified. */
export const apiPaths = { issuer: '/.well-known/openid-configuration', keys: '/openid/v1/jwks' } as const;

/**
 * Everything that the operator asks of the API server about objects. The operator's modules take their resources from here, and the
 * ClusterRole is made of it: what is not declared cannot be asked for.
 */
export const apiUses = {
  netExporters: {
    ...{ group, version, kind, plural },
    verbs: ['get', 'list', 'watch'],
    subresources: {
      status: ['patch'],
      // OpenShift admits an owner reference with blockOwnerDeletion only from those who may update the owner's finalizers.
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
  pods: { group: '', version: 'v1', kind: 'Pod', plural: 'pods', verbs: ['list', 'watch'] },
  nodes: { group: '', version: 'v1', kind: 'Node', plural: 'nodes', verbs: ['list', 'watch'] },
  // The pods of the cluster's DNS, in whatever namespace a NetExporter says.
  endpointSlices: { ...endpointSlice, verbs: ['list', 'watch'] },
  // By which agents reach the leader. One that is of another family of addresses has to be made anew.
  leaderEndpointSlice: {
    ...endpointSlice,
    verbs: ['create', 'patch', 'delete'],
    // OpenShift admits an address of a pod only from those who may create this, which is no object.
    subresources: { restricted: ['create'] },
    namespace: operatorNamespace,
    name: syncServiceName,
  },
  // The operator's own authority and certificate.
  syncSecret: {
    ...{ group: '', version: 'v1', kind: 'Secret', plural: 'secrets' },
    verbs: ['list', 'watch', 'create', 'patch'],
    namespace: operatorNamespace,
    name: syncServiceName,
  },
  // By which the operators agree on who leads. A patch, so that what others write into it survives.
  leases: {
    ...{ group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases' },
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
    namespace: operatorNamespace,
    name: operatorName,
  },
  events: { group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events', verbs: ['create', 'patch'] },
} as const satisfies Record<string, ApiUse>;
