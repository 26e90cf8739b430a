import { Counter, Gauge, type Registry } from 'prom-client';
import type { RefusalCode } from './identity/sync-refusal.ts';

/** What became of a request: with something new for the agent, without, or refused. */
export type RequestResult = 'changed' | 'unchanged' | RefusalCode;

/** Why a connection ended before a request was understood. */
export type ConnectionFault =
  /** No handshake: another protocol, another version of TLS, or none within the time. */
  | 'handshake'
  /** What came was no HTTP. */
  | 'malformed'
  /** A request did not come within its time, or its answer was not taken. */
  | 'timeout'
  /** There were too many already. */
  | 'limit';

/** Told about what happens on the sync server, for metrics. */
export interface SyncObserver {
  answered(result: RequestResult): void;
  failed(fault: ConnectionFault): void;
}

const results: Record<RequestResult, string> = {
  changed: 'changed',
  unchanged: 'unchanged',
  NoToken: 'no_token',
  InvalidToken: 'invalid_token',
  NotAnAgent: 'not_an_agent',
  NotFound: 'not_found',
  TooLarge: 'too_large',
  InvalidSync: 'invalid',
  Superseded: 'superseded',
  Unavailable: 'unavailable',
};

const faults: ConnectionFault[] = ['handshake', 'malformed', 'timeout', 'limit'];

/** The metrics of the sync server. */
export class SyncMetrics {
  readonly #registry: Registry;
  readonly observer: SyncObserver;

  constructor(registry: Registry) {
    this.#registry = registry;
    const requests = new Counter({
      name: 'net_exporter_operator_sync_requests_total',
      help: 'Requests of agents by result: changed (the answer brought something new), unchanged, or why it was refused.',
      labelNames: ['result'],
      registers: [registry],
    });
    const errors = new Counter({
      name: 'net_exporter_operator_sync_connection_errors_total',
      help: 'Connections that ended without a request that was understood, by reason: handshake, malformed, timeout or limit.',
      labelNames: ['reason'],
      registers: [registry],
    });
    // A rate over a series needs the series before the first failure.
    for (const result of Object.values(results)) requests.inc({ result }, 0);
    for (const reason of faults) errors.inc({ reason }, 0);
    this.observer = {
      answered: (result) => requests.inc({ result: results[result] }),
      failed: (reason) => errors.inc({ reason }),
    };
  }

  /** Shows at the time of the scrape how many connections there are, and how many requests wait for an answer. */
  watch({ connections, held }: { connections: () => number; held: () => number }): void {
    this.#measured('net_exporter_operator_sync_connections', 'Connections of agents.', connections);
    this.#measured('net_exporter_operator_sync_held_requests', 'Requests of agents that wait for something new.', held);
  }

  /** Shows at the time of the scrape when the certificates end, in seconds since the epoch; nothing while there are none. */
  watchCertificates(ends: () => { authority: number; serving: number } | undefined): void {
    new Gauge({
      name: 'net_exporter_operator_sync_certificate_expiration_timestamp_seconds',
      help: 'When the certificates of the sync server end, in seconds since the epoch; they are renewed at two thirds of their life.',
      labelNames: ['certificate'],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [certificate, end] of Object.entries(ends() ?? {})) this.set({ certificate }, end);
      },
    });
  }

  #measured(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }
}
