import { open, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';

interface AuditEvent {
  auditID: string;
  verb: string;
  stage: string;
  user: { username: string };
  objectRef?: { resource?: string; subresource?: string };
}

/** A place in an audit log: what comes behind it is counted. */
export async function endOf(auditLog: string): Promise<number> {
  return (await stat(auditLog)).size;
}

/**
 * The requests of a user that the audit log tells behind `from`, as `verb resource`, with their number. A watch counts
 * when it begins, everything else when it is answered.
 */
export async function auditedRequests(auditLog: string, from: number, user: string): Promise<Map<string, number>> {
  const file = await open(auditLog);
  const counts = new Map<string, number>();
  for await (const line of createInterface({ input: file.createReadStream({ start: from }) })) {
    const kind = requestIn(line, user);
    if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** The request that a line tells of; undefined where it is another user's, told before, or cut off. */
export function requestIn(line: string, user: string): string | undefined {
  if (!line.includes(user) || !line.endsWith('}')) return undefined;
  const { verb, stage, user: who, objectRef = {} } = JSON.parse(line) as AuditEvent;
  if (who.username !== user || stage !== (verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete')) return undefined;
  return [verb, [objectRef.resource, objectRef.subresource].filter(Boolean).join('/')].join(' ').trim();
}
