import { type Static, Type } from 'typebox';
import { AgentSpecSchema } from './agent-spec.ts';
import { defaultedObject } from './defaulted-object.ts';
import { DnsSpecSchema } from './dns-spec.ts';
import { HealthSpecSchema } from './health-spec.ts';
import { packetRateWithinLimit } from './load-rules.ts';
import { MonitoringSpecSchema } from './monitoring-spec.ts';
import { NetworkSpecSchema } from './network-spec.ts';
import { NtpSpecSchema } from './ntp-spec.ts';
import { NetExporterStatusSchema } from './status.ts';
import { validated } from './validation-rule.ts';

export type { Condition, NetExporterStatus, StatusSuspect } from './status.ts';

export const group = 'net-exporter.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}` as const;
export const kind = 'NetExporter';
export const plural = 'netexporters';

/** The longest name of a NetExporter: its children's names add to it and must stay labels of 63 characters. */
export const maxNameLength = 40;

/** What the API server keeps about every object; of it, what this project uses. */
export interface ObjectMeta {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  /** Rises with every change of the spec. */
  generation: number;
  /** RFC 3339. */
  creationTimestamp: string;
  /** Set once deletion has begun. */
  deletionTimestamp?: string;
  /** What has to be done before the object is deleted: each is removed by the controller that added it. */
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export const NetExporterSpecSchema = defaultedObject(
  {
    agent: AgentSpecSchema,
    dns: DnsSpecSchema,
    network: NetworkSpecSchema,
    ntp: NtpSpecSchema,
    health: HealthSpecSchema,
    monitoring: MonitoringSpecSchema,
  },
  {
    description:
      'Desired configuration of the agents, their probes and monitoring. Every field has a default, so an empty spec is valid.',
    ...validated(packetRateWithinLimit),
  },
);

/** The contract. Types, CRD, defaults and reference all come from this schema. */
export const NetExporterSchema = Type.Object(
  {
    apiVersion: Type.Unsafe<typeof apiVersion>({ type: 'string' }),
    kind: Type.Unsafe<typeof kind>({ type: 'string' }),
    // The name stands here only because a rule's fieldPath must exist in the schema.
    metadata: Type.Unsafe<ObjectMeta>({ type: 'object', properties: { name: { type: 'string' } } }),
    spec: NetExporterSpecSchema,
    status: Type.Optional(NetExporterStatusSchema),
  },
  {
    description:
      'Runs an agent on every Linux node. Agents measure DNS and the pod network from where workloads run, and export Prometheus metrics.',
    ...validated({
      rule: `self.metadata.name.size() <= ${maxNameLength} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,
      message: `must have at most ${maxNameLength} lowercase letters, digits and hyphens, start with a letter and not end with a hyphen, because the names of the agent objects contain it; use a name such as default`,
      fieldPath: '.metadata.name',
    }),
  },
);

/** The spec as the API server gives it, with every default filled in. */
export type NetExporterSpec = Static<typeof NetExporterSpecSchema>;

/** The resource as the API server gives it. */
export type NetExporter = Static<typeof NetExporterSchema>;

/** Whether a NetworkPolicy limits what agents reach. */
export function limitsEgress({ monitoring }: NetExporterSpec): boolean {
  return monitoring.networkPolicy === 'Strict';
}

/** What the API server makes of `spec: {}`: a new copy with each call. */
export function defaultSpec(): NetExporterSpec {
  return structuredClone(NetExporterSpecSchema.default) as NetExporterSpec;
}
