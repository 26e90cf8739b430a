import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** The operator as the API server knows it. */
export const operatorUser = 'system:serviceaccount:net-exporter-system:net-exporter-operator';

/** One line of the API server's audit log, at level Metadata; of it, what the tests use. */
export interface AuditEvent {
  auditID: string;
  verb: string;
  requestURI: string;
  /** RFC 3339 with microseconds. */
  requestReceivedTimestamp: string;
  user: { username: string };
  objectRef?: { apiGroup?: string; resource?: string; subresource?: string; namespace?: string; name?: string };
  annotations?: Record<string, string>;
}

/** The events of an audit log, in the order in which they were written. */
export async function* auditEvents(file: string): AsyncGenerator<AuditEvent> {
  // The last line may be being written.
  for await (const line of createInterface({ input: createReadStream(file) }))
    if (line.startsWith('{') && line.endsWith('}')) yield JSON.parse(line) as AuditEvent;
}

/**
 * The operator's requests that arrived at this time or later and before `until` (milliseconds since the epoch), each
 * once.
 */
export async function operatorRequests(file: string, from: number, until: number): Promise<AuditEvent[]> {
  const requests = new Map<string, AuditEvent>();
  for await (const event of auditEvents(file)) {
    const at = Date.parse(event.requestReceivedTimestamp);
    if (event.user.username === operatorUser && at >= from && at < until) requests.set(event.auditID, event);
  }
  return [...requests.values()];
}

const reading = new Set(['get', 'list', 'watch']);

/** Those that change something, as `verb path`; but for the Lease, which its holder renews all the time. */
export function writesIn(requests: readonly AuditEvent[]): string[] {
  return requests
    .filter(({ verb, objectRef }) => objectRef && !reading.has(verb) && objectRef.resource !== 'leases')
    .map(({ verb, requestURI }) => `${verb} ${requestURI}`);
}
