import assert from 'node:assert/strict';
import type { NetExporter } from '../../../../src/crd/net-exporter.ts';
import type { NetExporterStatus } from '../../../../src/crd/status.ts';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import { type AppliedKind, Applier } from '../../../../src/operator/apply/applier.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import {
  childKinds,
  netExporters,
  podMonitors,
  prometheusRules,
} from '../../../../src/operator/cache/watched-kinds.ts';
import type { OptionalKind } from '../../../../src/operator/controller/monitoring-objects.ts';
import { netExporterReconcile } from '../../../../src/operator/controller/reconcile.ts';
import type { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { type KubeObject, keyOf } from '../../../../src/operator/kube/kube-object.ts';
import { apiVersionOf } from '../../../../src/operator/kube/resource.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import { FakeClock } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

/**
 * Reconciles against a store that keeps each object as it is declared, or rejects DaemonSets, with everything but the
 * connection to the API server and the sync with agents as in production.
 */
export function reconcileInMemory(resource: NetExporter, refusal?: ApiError) {
  const kinds = childKinds.map((kind): [string, AppliedKind] => [
    `${apiVersionOf(kind)} ${kind.kind}`,
    { resource: kind, store: new Store<KubeObject>() },
  ]);
  const [monitors, rules] = [podMonitors, prometheusRules].map((resource) => ({
    resource,
    store: new Store<KubeObject>(),
    available: true,
    isAbsent: false,
    denial: undefined,
    lost: () => {},
  })) as [OptionalKind, OptionalKind];
  const storeOf = (kind: string) =>
    [monitors, rules, ...kinds.map(([, applied]) => applied)].find((applied) => applied.resource.kind === kind)!.store;
  const made = new Map<string, KubeObject>();
  const keep = async (object: object) => {
    const declared = JSON.parse(JSON.stringify(object)) as KubeObject;
    if (refusal && declared.kind === 'DaemonSet') throw refusal;
    const metadata = { ...declared.metadata, uid: declared.kind, resourceVersion: '1', generation: 1 };
    const kept = { ...declared, metadata } as KubeObject;
    storeOf(declared.kind).set(keyOf(kept), kept);
    made.set(`${declared.kind} ${keyOf(kept)}`, kept);
    return kept;
  };
  const client = {
    get: async () => undefined,
    create: async (_: unknown, __: string, object: object) => keep(object),
    apply: async (_: unknown, __: unknown, object: object) => keep(object),
    mergePatch: async () => assert.fail('nothing was changed by someone else'),
    delete: async () => assert.fail('nothing is deleted'),
  };
  const resources = new Store<NetExporter>();
  resources.set(keyOf(resource), resource);
  const statuses: NetExporterStatus[] = [];
  const clock = new FakeClock();
  const reconcile = netExporterReconcile({
    ...{ resources, kinds: new Map(kinds), podMonitors: monitors, prometheusRules: rules, clock },
    ...{ nameservers: undefined, sync: undefined },
    pods: new Store<AgentPod>({
      owner: ({ owner }) => [owner],
      faulty: ({ owner }) => [owner],
      node: ({ node }) => [node],
    }),
    nodes: new Store<NodeFacts>({ unready: () => [''] }),
    ...{ client: { list: async () => assert.fail('no pod is missing for long') }, random: () => 0 },
    applier: new Applier(client as never, 'net-exporter-operator', netExporters, clock),
    statusWriter: { write: ({ compute }) => void statuses.push(compute(resource.status)) },
    events: { record: () => {} },
    agentImage: 'example.com/agent:1',
  });
  const run = () => reconcile(keyOf(resource), { log: quietLog, signal: new AbortController().signal });
  /** All objects of the NetExporter, by `Kind namespace/name`. */
  const objects = () => new Map([...made].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { run, statuses, objects };
}
