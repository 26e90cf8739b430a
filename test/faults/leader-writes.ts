import { isWrite } from './api-request.ts';
import { type RecordedRequest, writesIn } from './request-record.ts';

/** A leader that has not renewed its Lease for so long must not begin a write, in milliseconds. */
const renewDeadlineMs = 10_000;

/** Between a decision to send and the arrival at the proxy, on a busy machine. */
const transitMs = 300;

/**
 * Writes that came from a process which was leader no more: begun after the renew deadline, counted from when its last
 * answered renewal was sent, or after another one had taken the Lease, or by one that never held it. Each in a
 * sentence. Without Leases there is nothing to find.
 * @param requests in the order of arrival, from at least a renew deadline before the writes that are looked at
 * @param since writes that began before were looked at; milliseconds since the epoch
 */
export function formerLeadersWrites(requests: readonly RecordedRequest[], since = 0): string[] {
  const leases = requests.filter(
    (request) => request.resource === 'leases' && isWrite(request) && request.lease !== undefined,
  );
  if (leases.length === 0) return [];
  const found: string[] = [];
  for (const write of writesIn(requests)) {
    if (write.startedAt < since) continue;
    const before = leases.filter(({ endedAt }) => endedAt !== undefined && endedAt <= write.startedAt);
    const what = `${write.who}: ${write.method} ${write.path} began`;
    const renewal = before.findLast(({ who, answered, lease }) => who === write.who && answered && holds(lease, who));
    if (!renewal) {
      // Its own may have been before what is on record, but only while no other one has the Lease.
      const holder = before.findLast(({ who, lease }) => who !== write.who && holds(lease, who));
      if (holder) found.push(`${what} without the Lease, which ${holder.who} had`);
      continue;
    }
    const age = write.startedAt - renewal.startedAt;
    if (age > renewDeadlineMs + transitMs) found.push(`${what} ${age} ms after the last renewal`);
    const taken = before.find(
      ({ startedAt, endedAt, lease, who }) =>
        who !== write.who &&
        startedAt > renewal.startedAt &&
        holds(lease, who) &&
        endedAt! + transitMs < write.startedAt,
    );
    if (taken) found.push(`${what} after ${taken.who} had become leader`);
  }
  return found;
}

/** The holder's identity begins with the process's name. */
function holds(lease: RecordedRequest['lease'], who: string): boolean {
  return lease?.holderIdentity?.startsWith(who) ?? false;
}
