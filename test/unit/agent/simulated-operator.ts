import assert from 'node:assert/strict';
import type { SyncTransport } from '../../../src/agent/sync/sync-client.ts';
import { SyncError } from '../../../src/agent/sync/sync-error.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Assignment } from '../../../src/protocol/assignment.ts';
import type { Report } from '../../../src/protocol/report.ts';
import type { Settings } from '../../../src/protocol/settings.ts';
import {
  decodeSyncRequest,
  encodeSyncAnswer,
  holdMs,
  type SyncAnswer,
  type SyncRequest,
  settingsDigest,
} from '../../../src/protocol/sync.ts';
import type { SyncAccess } from '../../../src/protocol/sync-access.ts';

/** An operator as one agent sees it: it holds a request until there is something new, and takes each report once. */
export class SimulatedOperator implements SyncTransport {
  clock: Clock | undefined;
  /** Whether nobody answers. */
  away = false;
  /** Whether requests come and nothing is done about them. */
  silent = false;
  settings: Settings | undefined;
  /** What it calls these settings, where it is not of this version. */
  digest: string | undefined;
  assignment: Assignment | undefined;
  readonly requests: SyncRequest[] = [];
  readonly answers: SyncAnswer[] = [];
  /** Reports, each once. */
  readonly reports: Report[] = [];
  #held: { request: SyncRequest; answer(): void; fail(error: SyncError): void } | undefined;

  /** From now on these are the newest; whoever is held hears of it at once. */
  set(changes: { settings?: Settings; digest?: string; assignment?: Assignment }): void {
    Object.assign(this, changes);
    if (this.#held && this.#differs(this.#held.request)) this.#held.answer();
  }

  /** Nobody answers any more, not even what is held. */
  leave(): void {
    this.away = true;
    this.#held?.fail(new SyncError('unreachable', 'read ECONNRESET'));
  }

  async post(_: SyncAccess, body: string, signal: AbortSignal): Promise<string> {
    if (this.away) throw new SyncError('unreachable', 'connect ECONNREFUSED');
    if (this.silent)
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new SyncError('unreachable', 'aborted'))),
      );
    const request = decodeSyncRequest(body);
    this.requests.push(request);
    this.#take(request.report);
    if (!request.leaving && !this.#differs(request)) await this.#hold(request, signal);
    const answer = this.#answer(request);
    this.answers.push(answer);
    return encodeSyncAnswer(answer);
  }

  close(): void {}

  #hold(request: SyncRequest, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.clock!.after(holdMs, resolve);
    const fail = (error: SyncError) => {
      cancel();
      reject(error);
    };
    signal.addEventListener('abort', () => fail(new SyncError('unreachable', 'aborted')));
    const answer = () => {
      cancel();
      resolve();
    };
    this.#held = { request, fail, answer };
    return promise;
  }

  #take(report: Report | undefined): void {
    if (!report) return;
    const known = this.reports.findLast(({ stream }) => stream === report.stream)?.sequence ?? 0;
    assert.ok(report.sequence === known || report.sequence === known + 1);
    if (report.sequence > known) this.reports.push(report);
  }

  #answer({ held, report, leaving }: SyncRequest): SyncAnswer {
    const { settings, assignment } = leaving ? {} : this;
    const digest = settings && (this.digest ?? settingsDigest(settings));
    const sameSettings = held.settings?.digest === digest;
    const sameAssignment =
      assignment &&
      held.assignment?.uid === assignment.uid &&
      held.assignment.epoch === assignment.epoch &&
      held.assignment.revision === assignment.revision;
    return {
      version: 1,
      ...(report && { acknowledged: { stream: report.stream, sequence: report.sequence } }),
      ...(settings && !sameSettings && { settings, settingsDigest: digest! }),
      ...(assignment && !sameAssignment && { assignment }),
    };
  }

  #differs(request: SyncRequest): boolean {
    const { settings, assignment } = this.#answer(request);
    return settings !== undefined || assignment !== undefined;
  }
}
