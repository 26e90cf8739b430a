import { apiUses } from '../../contract/api-uses.ts';
import type { EventReason } from '../../contract/reasons.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';

export const events: Resource = apiUses.events;

/** What an Event says. */
export interface EventContent {
  type: 'Normal' | 'Warning';
  reason: EventReason;
  /** What was being done, CamelCase. */
  action: string;
  /** For people. */
  note: string;
}

/** A change that has an Event of its own, whichever process writes it. */
export interface Occurrence {
  /** The same for the same change of the same object, whoever finds it. */
  id: string;
  /** Whether another process may have written the Event: then it is not written again. */
  mayExist: boolean;
}

/** What an Event is about. The namespace of an object without one is empty. */
export type Regarding = Pick<KubeObject, 'apiVersion' | 'kind'> & {
  metadata: { namespace: string; name: string; uid: string };
};

/** Who reports. */
export interface Reporter {
  controller: string;
  instance: string;
}

/** The API server's bound on `note`, in bytes. */
const maxNoteBytes = 1024;

/** Where the Events about objects without a namespace are. */
const clusterNamespace = 'default';

/**
 * An Event of events.k8s.io/v1 (KEP-383).
 * @param suffix makes the name unique
 * @param now milliseconds since the epoch
 */
export function eventObject(
  content: EventContent,
  { apiVersion, kind, metadata }: Regarding,
  reporter: Reporter,
  suffix: string,
  now: number,
): { metadata: { name: string; namespace: string } } & Record<string, unknown> {
  const { namespace, name, uid } = metadata;
  return {
    apiVersion: `${events.group}/${events.version}`,
    kind: events.kind,
    metadata: { name: eventName(name, suffix), namespace: namespace || clusterNamespace },
    type: content.type,
    reason: content.reason,
    action: content.action,
    note: shortened(content.note),
    regarding: { apiVersion, kind, ...(namespace && { namespace }), name, uid },
    reportingController: reporter.controller,
    reportingInstance: reporter.instance.slice(0, 128),
    eventTime: microTime(now),
  };
}

/** Maximum length of what an Event's name has of its object's name: those of Nodes may be as long as names can be. */
const maxNameLength = 200;

/** The name of an Event. @param suffix makes it unique */
export function eventName(name: string, suffix: string): string {
  return `${name.slice(0, maxNameLength).replace(/[^a-z0-9]+$/, '')}.${suffix}`;
}

/** As metav1.MicroTime writes it: six digits, no more and no fewer. */
export function microTime(now: number): string {
  return new Date(now).toISOString().replace(/Z$/, '000Z');
}

function shortened(note: string): string {
  if (Buffer.byteLength(note) <= maxNoteBytes) return note;
  let end = maxNoteBytes;
  while (Buffer.byteLength(`${note.slice(0, end)}…`) > maxNoteBytes) end--;
  return `${note.slice(0, end)}…`;
}
