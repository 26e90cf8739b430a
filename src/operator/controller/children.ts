import type { Logger } from 'pino';
import type { ManifestObject } from '../../../charts/agent/agent.ts';
import { apiUses } from '../../contract/api-uses.ts';
import { group, type NetExporter } from '../../crd/net-exporter.ts';
import type { AppliedKind, Applier, ApplyResult } from '../apply/applier.ts';
import type { Owner } from '../apply/declared-object.ts';
import type { EventRecorder } from '../events/event-recorder.ts';
import { type ApiError, type ApiErrorCode, isApiError } from '../kube/api-error.ts';
import { controllerOf, type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { ReportOnce } from '../log/report-once.ts';
import type { ChildOutcome } from './child-findings.ts';

/** What the API server says when an object came, went or changed since we saw it. */
const outdated: ApiErrorCode[] = ['AlreadyExists', 'Conflict', 'NotFound'];

export interface ChildrenParts {
  /** By apiVersion and kind. */
  kinds: Map<string, AppliedKind>;
  podMonitors: AppliedKind;
  applier: Pick<Applier, 'apply' | 'remove'>;
  events: Pick<EventRecorder, 'record'>;
}

/** The objects of a NetExporter in one reconcile: applies and deletes them, and keeps what came of each. */
export class Children {
  readonly outcomes: ChildOutcome[] = [];
  readonly #parts: ChildrenParts;
  readonly #resource: NetExporter;
  /** About the objects. */
  readonly #reports: ReportOnce;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  /** By kind and name: those of ours that are there, also those that could not be changed. */
  readonly #present = new Map<string, KubeObject>();

  constructor(parts: ChildrenParts, resource: NetExporter, reports: ReportOnce, log: Logger, signal: AbortSignal) {
    this.#parts = parts;
    this.#resource = resource;
    this.#reports = reports;
    this.#log = log;
    this.#signal = signal;
  }

  /**
   * Applies one object. What hinders it is an outcome and does not keep the others from being applied.
   * @param passOn the errors that the caller takes care of
   * @throws those, and what leaves nothing to report, since the API server is out of reach or what we saw is out of date
   */
  async apply(object: ManifestObject, passOn: (error: unknown) => boolean = () => false): Promise<void> {
    const what = nameOf(object);
    const kind = this.kind(object);
    try {
      this.#note(what, await this.#parts.applier.apply(object, kind, this.#owner, this.#signal));
      this.#reports.forget(what);
    } catch (error) {
      if (passOn(error)) throw error;
      this.#hindered(what, error);
      // It is there all the same: what follows from it, such as the Service's address, is not to go.
      const watched = this.watched(kind, object.metadata.name);
      if (watched) this.#present.set(what, watched);
    }
  }

  /** Deletes one that should not be there, where it is ours. @throws as `apply` does */
  async remove(leftover: { apiVersion: string; kind: string; name: string }): Promise<void> {
    const { kind, name } = leftover;
    const what = `${kind} ${name}`;
    const { namespace } = this.#resource.metadata;
    try {
      const key = keyOf({ metadata: { namespace, name } });
      if (await this.#parts.applier.remove(key, this.kind(leftover), this.#owner, this.#signal)) {
        this.#log.info({ object: what }, 'deleted an object');
        this.outcomes.push({ what, result: { action: 'deleted' } });
      }
      this.#reports.forget(what);
    } catch (error) {
      this.#hindered(what, error);
    }
  }

  /** An object of ours that was applied and is there, by `Kind name`. */
  present(what: string): KubeObject | undefined {
    return this.#present.get(what);
  }

  /**
   * An object as the watch shows it, where it is ours. What a deleted NetExporter of the same name has left is not, until it is
   * taken over: the garbage collector may take it at any time.
   */
  watched({ store }: AppliedKind, name: string): KubeObject | undefined {
    const { namespace, uid } = this.#resource.metadata;
    const watched = store.get(keyOf({ metadata: { namespace, name } }));
    return watched && controllerOf(watched)?.uid === uid ? watched : undefined;
  }

  kind({ apiVersion, kind }: { apiVersion: string; kind: string }): AppliedKind {
    if (kind === apiUses.podMonitors.kind) return this.#parts.podMonitors;
    return this.#parts.kinds.get(`${apiVersion} ${kind}`)!;
  }

  #note(what: string, result: ApplyResult): void {
    this.outcomes.push({ what, result });
    if ('object' in result) this.#present.set(what, result.object);
    const contest = 'contest' in result ? result.contest : undefined;
    if (result.action === 'replacing' && result.deleted) this.#tellReplaced(what, result.field);
    else if (contest) this.#log.debug({ object: what, ...contest }, 'someone keeps changing an object');
    else if (result.action === 'created') this.#log.info({ object: what }, 'created an object');
    else if (result.action === 'updated')
      this.#log.info({ object: what, drift: result.drift.slice(0, 10) }, 'updated an object');
  }

  #tellReplaced(what: string, field: string): void {
    this.#log.info({ object: what, field }, 'deleted an object to create it anew');
    const note = `deleted ${what} to create it anew: nobody can change ${field}`;
    this.#parts.events.record({ type: 'Normal', reason: 'Replaced', action: 'Apply', note }, this.#resource);
  }

  #hindered(what: string, error: unknown): void {
    if (!isReportable(error)) throw error;
    // Once for each reason: the conditions tell it for as long as it is so.
    if (this.#reports.isNew(what, String(error)))
      this.#log.warn({ object: what, err: error }, 'an object could not be applied');
    else this.#log.debug({ object: what, err: error }, 'an object could not be applied again');
    this.outcomes.push({ what, error });
  }

  get #owner(): Owner {
    const { kind, metadata } = this.#resource;
    return { group, kind, name: metadata.name, uid: metadata.uid };
  }
}

/** By which its outcome is known. */
export function nameOf({ kind, metadata }: Pick<ManifestObject, 'kind' | 'metadata'>): string {
  return `${kind} ${metadata.name}`;
}

function isReportable(error: unknown): error is ApiError {
  return isApiError(error) && error.status !== undefined && !outdated.includes(error.code);
}
