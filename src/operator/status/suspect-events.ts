import type { Clock } from '../../base/clock.ts';
import type { NetExporter, StatusSuspect } from '../../crd/net-exporter.ts';
import type { EventContent, Occurrence, Regarding } from '../events/event.ts';
import type { EventRecorder } from '../events/event-recorder.ts';
import type { Suspect, Verdict } from '../judge/judge.ts';
import { repeatMs, type StatusEvent } from './status-events.ts';
import { listOf, maxNamed, timestamp } from './wording.ts';

/** Maximum number of changes of one NetExporter's suspects that have Events of their own within a minute. */
const maxPerMinute = 10;
const minuteMs = 60_000;

/** What is left to report about one NetExporter's suspects. */
interface Minute {
  /** Monotonic milliseconds. */
  since: number;
  told: number;
  hasSummary: boolean;
  /** Without Events of their own. */
  found: Rest;
  cleared: Rest;
}

/** Changes that are counted. */
interface Rest {
  count: number;
  /** Of the first few, those that a summary names. */
  names: string[];
}

/**
 * Writes an Event for each change of the suspects of all NetExporters, about the NetExporter and, where its spec asks
 * for that, about the Node. Those beyond ten a minute are counted in one more.
 */
export class SuspectEvents {
  readonly #events: Pick<EventRecorder, 'recordLimited'>;
  readonly #clock: Clock;
  readonly #uidOfNode: (name: string) => string | undefined;
  /** By the uid of the NetExporter; only of the last minute. */
  readonly #minutes = new Map<string, Minute>();

  constructor(options: {
    events: Pick<EventRecorder, 'recordLimited'>;
    clock: Clock;
    /** Undefined if there is no such node. */
    uidOfNode: (name: string) => string | undefined;
  }) {
    this.#events = options.events;
    this.#clock = options.clock;
    this.#uidOfNode = options.uidOfNode;
  }

  /** Reports what a judgement has changed, and what is left of the minute before. To be called at each judgement. */
  report(resource: NetExporter, { raised, cleared }: Pick<Verdict, 'raised' | 'cleared'>): void {
    const { uid } = resource.metadata;
    const now = this.#clock.monotonic();
    let minute = this.#minutes.get(uid);
    if (minute && now - minute.since >= minuteMs) {
      this.#minutes.delete(uid);
      minute = this.#hasRest(minute) ? { ...minute, since: now, told: 0, hasSummary: false } : undefined;
    }
    if (!minute && raised.length + cleared.length === 0) return;
    if (!minute) {
      minute = { since: now, told: 0, hasSummary: false, found: noRest(), cleared: noRest() };
      this.#forgetDeleted(now);
    }
    this.#minutes.set(uid, minute);
    for (const suspect of raised) this.#tell(resource, minute, 'found', suspect);
    for (const suspect of cleared) this.#tell(resource, minute, 'cleared', suspect);
    if (!minute.hasSummary && this.#hasRest(minute)) this.#summarize(resource, minute);
  }

  #tell(resource: NetExporter, minute: Minute, change: 'found' | 'cleared', suspect: Suspect): void {
    if (minute.told >= maxPerMinute) {
      const rest = minute[change];
      rest.count++;
      if (rest.names.length < maxNamed) rest.names.push(`${suspect.kind} ${suspect.name}`);
      return;
    }
    minute.told++;
    const content = change === 'found' ? foundContent(suspect) : clearedContent(suspect, this.#clock.wall());
    const occurrence = change === 'found' ? { id: occurrenceOf(suspect), mayExist: false } : undefined;
    this.#events.recordLimited(content, resource, occurrence);
    if (resource.spec.health.nodeEvents) this.#tellNode(resource, suspect, content);
  }

  #tellNode({ metadata: { namespace, name } }: NetExporter, suspect: Suspect, content: EventContent): void {
    const node = nodeOf(suspect);
    const uid = node === undefined ? undefined : this.#uidOfNode(node);
    if (node === undefined || uid === undefined) return;
    const regarding: Regarding = { apiVersion: 'v1', kind: 'Node', metadata: { namespace: '', name: node, uid } };
    this.#events.recordLimited({ ...content, note: `${content.note} NetExporter: ${namespace}/${name}.` }, regarding);
  }

  /** Of a NetExporter that is gone no judgement is reported. */
  #forgetDeleted(now: number): void {
    for (const [uid, { since }] of this.#minutes) if (now - since >= 2 * minuteMs) this.#minutes.delete(uid);
  }

  #hasRest({ found, cleared }: Minute): boolean {
    return found.count + cleared.count > 0;
  }

  /** A summary of those that have no Event of their own. */
  #summarize(resource: NetExporter, minute: Minute): void {
    const { found, cleared } = minute;
    const namesOf = ({ names, count }: Rest) => listOf(names, count);
    const parts = [
      ...(found.count > 0 ? [`And ${found.count} more: ${namesOf(found)}.`] : []),
      ...(cleared.count > 0 ? [`And ${cleared.count} more are no longer suspects: ${namesOf(cleared)}.`] : []),
    ];
    const [type, reason] =
      found.count > 0 ? (['Warning', 'SuspectFound'] as const) : (['Normal', 'SuspectCleared'] as const);
    this.#events.recordLimited({ type, reason, action: 'Judge', note: parts.join(' ') }, resource);
    Object.assign(minute, { hasSummary: true, found: noRest(), cleared: noRest() });
  }
}

/**
 * Returns the Events of suspects that the former leader may have been killed before it wrote. To be written as those
 * that may exist.
 * @param suspects as that leader wrote them last
 * @param now milliseconds since the epoch
 */
export function repeatedSuspectEvents(suspects: readonly StatusSuspect[], now: number): StatusEvent[] {
  return suspects
    .filter(({ since }) => now - Date.parse(since) < repeatMs)
    .slice(0, maxPerMinute)
    .map((suspect) => ({ content: foundContent(suspect), occurrence: { id: occurrenceOf(suspect), mayExist: true } }));
}

function noRest(): Rest {
  return { count: 0, names: [] };
}

function foundContent({ evidence }: Pick<Suspect, 'evidence'>): EventContent {
  return { type: 'Warning', reason: 'SuspectFound', action: 'Judge', note: evidence };
}

/** @param now milliseconds since the epoch */
function clearedContent({ kind, name, since }: Suspect, now: number): EventContent {
  const seconds = Math.max(0, Math.round((now - since) / 1000));
  const note = `${kind} ${name} is no longer a suspect. It was one for ${lengthOf(seconds)}.`;
  return { type: 'Normal', reason: 'SuspectCleared', action: 'Judge', note };
}

function lengthOf(seconds: number): string {
  return seconds < 120 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function occurrenceOf({
  kind,
  name,
  since,
}: Pick<StatusSuspect, 'kind' | 'name'> & { since: number | string }): Occurrence['id'] {
  return `suspect ${kind} ${name} ${typeof since === 'number' ? timestamp(since) : since}`;
}

/** The node that a suspect is, or whose path to ClusterIPs it is; undefined of other kinds. */
function nodeOf({ kind, name }: Suspect): string | undefined {
  if (kind === 'Node') return name;
  return kind === 'ServicePath' ? name.split('>', 1)[0] : undefined;
}
