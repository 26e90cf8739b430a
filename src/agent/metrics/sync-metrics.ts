import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../base/clock.ts';
import type { Source } from '../sources/source-verdict.ts';
import type { SyncEvents } from '../sync/sync-client.ts';
import { type SyncFailure, syncFailures } from '../sync/sync-error.ts';

/** The metrics of where the agent has it from what it probes, and of its dialogue with the operator. */
export class SyncMetrics implements SyncEvents {
  readonly #clock: Clock;
  readonly #requests: Counter;
  readonly #revision: Gauge;
  readonly #sources: Gauge;
  /** When the operator last answered, or when it was asked for the first time; undefined while there is none. */
  #heardAt: number | undefined;

  constructor(registry: Registry, clock: Clock) {
    this.#clock = clock;
    const registers = [registry];
    const age = () => (this.#heardAt === undefined ? 0 : (clock.monotonic() - this.#heardAt) / 1000);
    new Gauge({
      name: 'net_exporter_sync_age_seconds',
      help: 'How long ago the operator last answered, or was first asked. 0 where the agent is given no operator to ask.',
      registers,
      collect() {
        this.set(age());
      },
    });
    this.#requests = new Counter({
      name: 'net_exporter_sync_requests_total',
      help: 'Requests of the operator, by what came of them.',
      labelNames: ['result'],
      registers,
    });
    for (const result of ['ok', ...syncFailures]) this.#requests.inc({ result }, 0);
    this.#revision = new Gauge({
      name: 'net_exporter_assignment_revision',
      help: 'Revision of the assignment that is in effect, 0 while there is none. It rises with each change, from the time in milliseconds since 1970 at which the leader started.',
      registers,
    });
    this.#sources = new Gauge({
      name: 'net_exporter_source_info',
      help: 'Where the settings and the peers come from: the operator (sync), the mounted file, the own copy, or the addresses of the Service. Always 1.',
      labelNames: ['part', 'source'],
      registers,
    });
  }

  /** There is an operator to ask from now on, or none. */
  asks(asks: boolean): void {
    this.#heardAt = asks ? (this.#heardAt ?? this.#clock.monotonic()) : undefined;
  }

  requested(result: 'ok' | SyncFailure): void {
    this.#requests.inc({ result });
    if (result === 'ok') this.#heardAt = this.#clock.monotonic();
  }

  settingsFrom(source: Source): void {
    this.#setSource('settings', source);
  }

  /** @param revision 0 without an assignment */
  peersInEffect(revision: number, source: Source | 'service' | undefined): void {
    this.#revision.set(revision);
    this.#setSource('peers', source);
  }

  #setSource(part: 'settings' | 'peers', source: Source | 'service' | undefined): void {
    for (const other of ['sync', 'file', 'copy', 'service']) this.#sources.remove({ part, source: other });
    if (source) this.#sources.set({ part, source }, 1);
  }
}
