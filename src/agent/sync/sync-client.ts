import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import { decodeSyncAnswer, encodeSyncRequest, type SyncAnswer, type SyncRequest } from '../../protocol/sync.ts';
import type { SyncAccess } from '../../protocol/sync-access.ts';
import type { Log } from '../log.ts';
import { RetryPolicy } from './retry-policy.ts';
import { SyncError, type SyncFailure } from './sync-error.ts';

/** Sends requests to the operator. */
export interface SyncTransport {
  /**
   * Sends a request.
   * @returns the body of the response
   * @throws SyncError, also when `signal` is aborted
   */
  post(access: SyncAccess, body: string, signal: AbortSignal): Promise<string>;
  /** Closes the open connection. The next post opens a new one. */
  close(): void;
}

/** Provides requests and consumes responses. */
export interface SyncDialogue {
  /** The next request. */
  request(): SyncRequest;
  /** @returns whether the response contained anything new */
  answered(request: SyncRequest, answer: SyncAnswer): boolean;
  /** The operator rejected the request as invalid, so the next one must not be the same. */
  rejected(): void;
  /** The final request; undefined if there is nothing left to report. The same until it is acknowledged. */
  lastRequest(): SyncRequest | undefined;
  /** @returns whether the response acknowledges the final request */
  lastAnswered(answer: SyncAnswer): boolean;
}

/** Events of the client. */
export interface SyncEvents {
  requested(result: 'ok' | SyncFailure): void;
}

/** The dependencies of the client. */
export interface SyncClientParts {
  connection: SyncTransport;
  dialogue: SyncDialogue;
  events: SyncEvents;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
}

/** Minimum time between two log lines about the operator, in milliseconds. */
const quietMs = 60_000;

/**
 * Long-polls the operator, one request at a time: the operator holds each request until there is something new. A
 * failure only changes the time of the next request. Failures are counted, and logged when they start, change or end.
 */
export class SyncClient {
  readonly #parts: SyncClientParts;
  readonly #retries: RetryPolicy;
  #access: SyncAccess | undefined;
  #run: AbortController | undefined;
  #endWait = () => {};
  #logged: { result: string; at: number } | undefined;

  constructor(parts: SyncClientParts) {
    this.#parts = parts;
    this.#retries = new RetryPolicy(parts.random);
  }

  /**
   * Sets the operator; undefined stops the client. A request in flight continues if there still is an operator, and a
   * waiting retry is sent immediately.
   */
  use(access: SyncAccess | undefined): void {
    if (isDeepStrictEqual(access, this.#access)) return;
    this.#access = access;
    this.#endWait();
    if (!access) {
      this.#run?.abort();
      this.#run = undefined;
      this.#parts.connection.close();
    } else if (!this.#run) {
      const run = new AbortController();
      this.#run = run;
      // Deferred until the caller is done: at start it still has to load the state that the first request contains.
      queueMicrotask(() => void this.#repeat(run.signal));
    }
  }

  /**
   * Sends the final report and stops the client. A held request is aborted: its response is no longer needed, and its
   * report is sent again unless it was acknowledged. There is no retry, because a stopping agent cannot wait for
   * another leader. Never rejects.
   * @param withinMs timeout in total, in milliseconds
   */
  async finish(withinMs: number): Promise<void> {
    const { connection, dialogue, clock, events, log } = this.#parts;
    const access = this.#access;
    this.use(undefined);
    if (!access) return;
    const end = new AbortController();
    const cancel = clock.after(withinMs, () => end.abort());
    try {
      for (let request = dialogue.lastRequest(); request; request = dialogue.lastRequest()) {
        const answer = understood(await connection.post(access, encodeSyncRequest(request), end.signal));
        events.requested('ok');
        if (!dialogue.lastAnswered(answer)) return;
      }
    } catch (caught) {
      const { code, message } = end.signal.aborted
        ? new SyncError('timeout', `no response within ${withinMs} ms`)
        : syncErrorOf(caught);
      events.requested(code);
      log('warn', 'final report not delivered', { code, reason: message });
    } finally {
      cancel();
      connection.close();
    }
  }

  async #repeat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const delayMs = await this.#ask(signal);
      if (delayMs > 0) await this.#wait(delayMs);
    }
  }

  /** Resolves after the delay, or earlier if the access changes. */
  #wait(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.clock.after(delayMs, resolve);
    this.#endWait = () => {
      cancel();
      resolve();
    };
    return promise;
  }

  /** @returns the delay until the next request, in milliseconds */
  async #ask(signal: AbortSignal): Promise<number> {
    const { connection, dialogue, clock, events } = this.#parts;
    const startedAt = clock.monotonic();
    try {
      const request = dialogue.request();
      const body = await connection.post(this.#access!, encodeSyncRequest(request), signal);
      if (signal.aborted) return 0;
      const news = dialogue.answered(request, understood(body));
      events.requested('ok');
      this.#logResult('ok');
      return this.#retries.answered(news, clock.monotonic() - startedAt);
    } catch (caught) {
      if (signal.aborted) return 0;
      const error = syncErrorOf(caught);
      events.requested(error.code);
      if (error.code === 'invalid') dialogue.rejected();
      this.#logResult(error.code, error.message);
      return this.#retries.failed(error);
    }
  }

  #logResult(result: 'ok' | SyncFailure, reason?: string): void {
    const { clock, log } = this.#parts;
    const at = clock.monotonic();
    if (this.#logged && (this.#logged.result === result || at - this.#logged.at < quietMs)) return;
    this.#logged = { result, at };
    if (result === 'ok') log('info', 'in sync with the operator');
    else log('warn', 'cannot sync with the operator, keeping the current settings and peers', { code: result, reason });
  }
}

/** An invalid response or an error of the agent must not stop the client. */
function syncErrorOf(caught: unknown): SyncError {
  return caught instanceof SyncError ? caught : new SyncError('fault', (caught as Error).message);
}

function understood(body: string): SyncAnswer {
  try {
    return decodeSyncAnswer(body);
  } catch (error) {
    throw new SyncError('malformed', (error as Error).message);
  }
}
