import type { Logger } from 'pino';
import type { ManifestObject } from '../../../charts/agent/agent.ts';
import { apiUses } from '../../contract/api-uses.ts';
import { group, type NetExporter } from '../../crd/net-exporter.ts';
import type { AppliedKind, Applier, ApplyResult } from '../apply/applier.ts';
import type { Owner } from '../apply/declared-object.ts';
import type { EventRecorder } from '../events/event-recorder.ts';
import { type ApiError, type ApiErrorCode, isApiError, isOfDeletedNamespace } from '../kube/api-error.ts';
import { controllerOf, type KubeObject, keyOf } from '../kube/kube-object.ts';
import { LogDeduplicator } from '../log/log-deduplicator.ts';
import type { ChildOutcome } from './child-findings.ts';

/** The API server's errors if an object was created, deleted or changed since it was read. */
const outdated: ApiErrorCode[] = ['AlreadyExists', 'Conflict', 'NotFound'];

/**
 * Such an error usually ends with the next attempt. It goes into the status from this consecutive one on, because an
 * admission webhook may deny every request with one of them.
 */
const lastingFailures = 3;

const failureLines = { apply: 'cannot apply object, will retry', delete: 'cannot delete object, will retry' };

export interface ChildrenParts {
  /** By apiVersion and kind. */
  kinds: Map<string, AppliedKind>;
  podMonitors: AppliedKind;
  prometheusRules: AppliedKind;
  applier: Pick<Applier, 'apply' | 'remove'>;
  events: Pick<EventRecorder, 'record'>;
}

/** What is remembered about the objects of a NetExporter from one reconciliation to the next. */
export class ChildHistory {
  readonly reports = new LogDeduplicator();
  /** By kind and name: consecutive failures that went into no status. */
  readonly #failures = new Map<string, number>();

  /** @returns whether this failure has lasted long enough to be reported */
  failed(what: string): boolean {
    const count = (this.#failures.get(what) ?? 0) + 1;
    this.#failures.set(what, count);
    return count >= lastingFailures;
  }

  succeeded(what: string): void {
    this.reports.forget(what);
    this.#failures.delete(what);
  }
}

/** The objects of a NetExporter in one reconciliation: applies and deletes them, and collects the outcomes. */
export class Children {
  readonly outcomes: ChildOutcome[] = [];
  readonly #parts: ChildrenParts;
  readonly #resource: NetExporter;
  readonly #history: ChildHistory;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  /** By kind and name: owned objects that exist, including those that could not be changed. */
  readonly #present = new Map<string, KubeObject>();
  #onTimeout = () => {};

  constructor(parts: ChildrenParts, resource: NetExporter, history: ChildHistory, log: Logger, signal: AbortSignal) {
    this.#parts = parts;
    this.#resource = resource;
    this.#history = history;
    this.#log = log;
    this.#signal = signal;
  }

  /** Calls back when a write has timed out and its outcome is known: the other objects may take as long. */
  onTimeout(listener: () => void): void {
    this.#onTimeout = listener;
  }

  /**
   * Applies one object. A rejection is an outcome and does not stop the other objects.
   * @param passOn the errors that the caller handles
   * @throws those, faults of the code, and errors that make the other objects pointless: the API server is unreachable,
   *   or the cache is stale. Those are outcomes only if they last
   */
  async apply(object: ManifestObject, passOn: (error: unknown) => boolean = () => false): Promise<void> {
    const what = nameOf(object);
    const kind = this.kind(object);
    try {
      this.#note(what, await this.#parts.applier.apply(object, kind, this.#owner, this.#signal));
      this.#history.succeeded(what);
    } catch (error) {
      if (passOn(error)) throw error;
      this.#failed('apply', what, error);
      // It still exists: what depends on it, such as the Service's address in the settings, must not disappear.
      const watched = this.watched(kind, object.metadata.name);
      if (watched) this.#present.set(what, watched);
    }
  }

  /** Deletes an object that the spec no longer asks for, if the NetExporter owns it. @throws like `apply` */
  async remove(leftover: { apiVersion: string; kind: string; name: string }): Promise<void> {
    const { kind, name } = leftover;
    const what = `${kind} ${name}`;
    const { namespace } = this.#resource.metadata;
    try {
      const key = keyOf({ metadata: { namespace, name } });
      if (await this.#parts.applier.remove(key, this.kind(leftover), this.#owner, this.#signal)) {
        this.#log.info({ object: what }, 'deleted object');
        this.outcomes.push({ what, result: { action: 'deleted' } });
      }
      this.#history.succeeded(what);
    } catch (error) {
      this.#failed('delete', what, error);
    }
  }

  /**
   * Does not apply an object, because its pods would use objects that are missing or belong to someone else: an
   * identity of someone else, for example.
   * @param until their kinds and names
   */
  withhold(object: ManifestObject, until: readonly string[]): void {
    this.outcomes.push({ what: nameOf(object), result: { action: 'withheld', until } });
    const watched = this.watched(this.kind(object), object.metadata.name);
    if (watched) this.#present.set(nameOf(object), watched);
  }

  /** An object that was applied and exists, by `Kind name`. */
  present(what: string): KubeObject | undefined {
    return this.#present.get(what);
  }

  /** The same, if it is as the API server made it of the declaration: nobody else's changes wait to be reverted. */
  applied(what: string): KubeObject | undefined {
    const outcome = this.outcomes.find((outcome) => outcome.what === what);
    if (!outcome || !('result' in outcome) || !('object' in outcome.result)) return undefined;
    return outcome.result.action === 'yielded' ? undefined : outcome.result.object;
  }

  /**
   * An object from the cache, if the NetExporter owns it. Objects that a deleted NetExporter of the same name left
   * behind do not count until they are taken over, because the garbage collector may delete them at any time.
   */
  watched({ store }: AppliedKind, name: string): KubeObject | undefined {
    const { namespace, uid } = this.#resource.metadata;
    const watched = store.get(keyOf({ metadata: { namespace, name } }));
    return watched && controllerOf(watched)?.uid === uid ? watched : undefined;
  }

  kind({ apiVersion, kind }: { apiVersion: string; kind: string }): AppliedKind {
    if (kind === apiUses.podMonitors.kind) return this.#parts.podMonitors;
    if (kind === apiUses.prometheusRules.kind) return this.#parts.prometheusRules;
    return this.#parts.kinds.get(`${apiVersion} ${kind}`)!;
  }

  #note(what: string, result: ApplyResult): void {
    this.outcomes.push({ what, result });
    if ('object' in result) this.#present.set(what, result.object);
    const conflict = 'conflict' in result ? result.conflict : undefined;
    if (result.action === 'replacing' && result.deleted) this.#reportReplaced(what, result.field);
    else if (conflict)
      this.#log.debug({ object: what, ...conflict }, 'another field manager keeps overwriting the object');
    else if (result.action === 'created') this.#log.info({ object: what }, 'created object');
    else if (result.action === 'adopted') this.#log.info({ object: what }, 'adopted object that had no controller');
    else if (result.action === 'updated')
      this.#log.info({ object: what, drift: result.drift.slice(0, 10) }, 'updated object');
  }

  #reportReplaced(what: string, field: string): void {
    this.#log.info({ object: what, field }, 'deleted object to recreate it');
    const note = `Deleted ${what} to recreate it because ${field} is immutable.`;
    this.#parts.events.record({ type: 'Normal', reason: 'Replaced', action: 'Apply', note }, this.#resource);
  }

  #failed(failed: 'apply' | 'delete', what: string, error: unknown): void {
    if (isOfDeletedNamespace(error)) {
      const { namespace } = this.#resource.metadata;
      // Once for all objects: nothing is wrong.
      const level = this.#history.reports.isNew(namespace, 'deleted') ? 'info' : 'debug';
      this.#log[level]({ namespace }, 'cannot create objects, because the namespace is being deleted');
      const why = 'cannot be created because its namespace is being deleted';
      this.outcomes.push({ what, result: { action: 'waiting', why } });
      return;
    }
    if (!isReportable(error)) {
      if (isApiError(error, ...outdated) && this.#history.failed(what)) this.outcomes.push({ what, error, failed });
      throw error;
    }
    // One warning per cause: the conditions show it as long as it lasts.
    const level = this.#history.reports.isNew(what, String(error)) ? 'warn' : 'debug';
    this.#log[level]({ object: what, err: error }, failureLines[failed]);
    this.outcomes.push({ what, error, failed });
    if (error.code === 'Timeout') this.#onTimeout();
  }

  get #owner(): Owner {
    const { kind, metadata } = this.#resource;
    return { group, kind, name: metadata.name, uid: metadata.uid };
  }
}

/** Identifies an object in outcomes. */
export function nameOf({ kind, metadata }: Pick<ManifestObject, 'kind' | 'metadata'>): string {
  return `${kind} ${metadata.name}`;
}

function isReportable(error: unknown): error is ApiError {
  if (isApiError(error, 'Timeout')) return true;
  return isApiError(error) && error.status !== undefined && !outdated.includes(error.code);
}
