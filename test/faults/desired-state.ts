import { agentNetwork, agentWorkload } from '../../charts/agent/agent.ts';
import { formatHostPort } from '../../src/base/host-port.ts';
import { agentNames } from '../../src/contract/agent-names.ts';
import { apiUses } from '../../src/contract/api-uses.ts';
import { operatorNamespace, syncPort, syncServiceName } from '../../src/contract/operator-names.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { clusterAddresses, settingsOf } from '../../src/operator/agents/settings-of.ts';
import { stamped } from '../../src/operator/apply/apply-plan.ts';
import type { DeclaredObject } from '../../src/operator/apply/declared-object.ts';
import { driftOf } from '../../src/operator/apply/drift.ts';
import { childKinds, netExporters, oursSelector } from '../../src/operator/cache/watched-kinds.ts';
import { apiVersionOf, type Resource } from '../../src/operator/kube/resource.ts';
import { syncAccessIn } from '../../src/operator/sync/agents-sync.ts';
import { syncServerName } from '../../src/protocol/sync.ts';
import { encodeSyncAccess, type SyncAccess } from '../../src/protocol/sync-access.ts';
import type { ApiObject, ClusterApi } from './cluster-api.ts';

export interface Expectations {
  /** What agents run in unless their spec says otherwise. */
  agentImage: string;
  /** Whether agents are told how to reach the operator. */
  sync: boolean;
}

/**
 * How a namespace differs from what an operator without faults would have made of its NetExporters, each difference in
 * a sentence; none when it has converged: by our own comparison, and by the API server's, which is asked what an apply
 * would change.
 */
export async function divergence(
  api: ClusterApi,
  namespace: string,
  { agentImage, sync }: Expectations,
): Promise<string[]> {
  const query = `?labelSelector=${encodeURIComponent(oursSelector)}`;
  const resources = (await api.items(pathOf(netExporters, namespace))) as unknown as NetExporter[];
  const children = new Map<string, { object: ApiObject; resource: Resource }>();
  // Items of a list carry neither.
  for (const resource of childKinds)
    for (const object of await api.items(`${pathOf(resource, namespace)}${query}`))
      children.set(`${resource.kind} ${object.metadata.name}`, {
        object: { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind },
        resource,
      });
  const found: string[] = [];
  const truth = sync ? await servedAccess(api) : undefined;
  const ways = new Set<string>();
  const present: { wanted: DeclaredObject; object: ApiObject; resource: Resource }[] = [];
  for (const resource of resources) {
    found.push(...statusFaults(resource));
    const service = children.get(`Service ${agentNames(resource.metadata.name).agent}`)?.object;
    const syncAccess = syncAccessIn(children.get(`ConfigMap ${agentNames(resource.metadata.name).agent}`)?.object);
    if (syncAccess) ways.add(encodeSyncAccess(syncAccess));
    if (truth) found.push(...accessFaults(resource.metadata.name, syncAccess, truth));
    const image = resource.spec.agent.image || agentImage;
    const settings = settingsOf(resource, clusterAddresses(service));
    for (const declared of [
      ...agentNetwork(resource, { podMonitor: false, syncAccess }),
      ...agentWorkload(resource, { image, settings, syncAccess }),
    ]) {
      const what = `${declared.kind} ${declared.metadata.name}`;
      const child = children.get(what);
      children.delete(what);
      const wanted = stamped(declared as DeclaredObject);
      if (!child) found.push(`${what} is missing`);
      else if (child.object.metadata.deletionTimestamp !== undefined) found.push(`${what} is being deleted`);
      else {
        found.push(...driftOf(wanted, child.object).map((at) => `${what}: ${at}`));
        present.push({ ...child, wanted });
      }
    }
  }
  if (ways.size > 1) found.push('NetExporters have different ways to the operator');
  found.push(...[...children.keys()].map((what) => `${what} is there and should not be`));
  // The API server's opinion is asked for last: each question costs it as much as a write.
  if (found.length > 0) return found;
  for (const { wanted, object, resource } of present)
    if (await wouldChange(api, wanted, object, resource))
      found.push(`${resource.kind} ${object.metadata.name}: an apply would change it`);
  return found;
}

/** How agents really reach the operator. */
export interface ServedAccess {
  /** What its certificate can be verified by, in PEM. */
  ca: string;
  /** Where its Service is, in all IP families: agents are told those of the operator's own. */
  addresses: string[];
}

/** What the operator serves by, and where, without asking the operator. */
async function servedAccess(api: ClusterApi): Promise<ServedAccess> {
  const at = (plural: string) => `/api/v1/namespaces/${operatorNamespace}/${plural}/${syncServiceName}`;
  const [secret, service] = await Promise.all([
    api.get<{ data?: Record<string, string> }>(at(apiUses.syncSecret.plural)),
    api.get(at('services')),
  ]);
  return {
    ca: Buffer.from(secret.data?.['ca.crt'] ?? '', 'base64').toString(),
    addresses: clusterAddresses(service).map((address) => formatHostPort(address, syncPort)),
  };
}

/** What is wrong with what the agents of a NetExporter are told of the operator, each in a sentence. */
export function accessFaults(name: string, access: SyncAccess | undefined, { ca, addresses }: ServedAccess): string[] {
  if (!access) return [`${name} has no way to the operator`];
  const elsewhere = access.addresses.filter((address) => !addresses.includes(address));
  return [
    ...(access.ca === ca ? [] : [`${name} trusts other certificates than the operator's`]),
    ...(access.serverName === syncServerName ? [] : [`${name} expects the operator as ${access.serverName}`]),
    ...elsewhere.map((address) => `${name} looks for the operator at ${address}`),
  ];
}

/** Whether an apply would change an object, by a dry run. */
async function wouldChange(
  api: ClusterApi,
  wanted: DeclaredObject,
  object: ApiObject,
  resource: Resource,
): Promise<boolean> {
  const path = `${pathOf(resource, object.metadata.namespace)}/${object.metadata.name}`;
  const dryRun = '?fieldManager=net-exporter-operator&force=true&dryRun=All';
  const applied = await api.patch(`${path}${dryRun}`, 'apply', wanted);
  return JSON.stringify(comparable(applied)) !== JSON.stringify(comparable(object));
}

/** Without what every write changes, and what is others' business. */
function comparable({ metadata, status: _, apiVersion: __, kind: ___, ...rest }: ApiObject): object {
  const {
    managedFields: ____,
    resourceVersion: _____,
    ...identity
  } = metadata as ApiObject['metadata'] & {
    managedFields?: unknown;
  };
  return { ...rest, metadata: identity };
}

function statusFaults({ metadata, status }: NetExporter): string[] {
  const what = `status of ${metadata.name}`;
  if (status?.observedGeneration !== metadata.generation)
    return [`${what} is of generation ${status?.observedGeneration}, not ${metadata.generation}`];
  const stalled = status.conditions?.find(({ type }) => type === 'Stalled');
  return stalled?.status === 'True' ? [`${what}: ${stalled.reason}: ${stalled.message}`] : [];
}

export function pathOf({ group, version, plural }: Resource, namespace: string): string {
  return `/${group === '' ? 'api' : `apis/${group}`}/${version}/namespaces/${namespace}/${plural}`;
}
