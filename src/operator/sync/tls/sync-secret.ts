import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../../../base/clock.ts';
import { managedByLabel, managerName } from '../../../contract/agent-names.ts';
import { apiUses } from '../../../contract/api-uses.ts';
import { rotateBeforeAnnotation, syncServiceName } from '../../../contract/operator-names.ts';
import { syncServerName } from '../../../protocol/sync.ts';
import { SingletonReconciler, type Write } from '../../apply/singleton-reconciler.ts';
import type { Reflector } from '../../cache/reflector.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { Resource } from '../../kube/resource.ts';
import { renewed, type SyncCertificates } from './sync-certificates.ts';

const secretName = syncServiceName;

/** With a time zone: a time without one would be the operator's own. */
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/**
 * Interval of checks for renewals. Renewals have months of time, but after a correction of the clock a certificate may
 * be not yet valid.
 */
const lookMs = 60_000;

/** Stores the sync server's certificates in a Secret in the operator's namespace, for all leaders. */
export class SyncSecret {
  readonly #options: SyncSecretOptions;
  readonly #secret: SingletonReconciler;
  #held: SyncCertificates | undefined;
  /** The value of the annotation that was logged. */
  #invalid: string | undefined;

  constructor(options: SyncSecretOptions) {
    this.#options = options;
    const { client, namespace, clock, random, log, onFault, onObstacle } = options;
    this.#secret = new SingletonReconciler({
      ...{ client, resource: apiUses.syncSecret, place: { namespace, name: secretName }, lookMs, clock, random, log },
      ...{ onFault, onObstacle },
    });
  }

  get reflector(): Reflector<KubeObject> {
    return this.#secret.reflector;
  }

  /** Why the Secret cannot be written; undefined if it can. */
  get obstacle(): string | undefined {
    return this.#secret.obstacle;
  }

  /** Creates, renews and repairs the Secret until the signal is aborted. Never rejects. */
  keep(signal: AbortSignal): Promise<void> {
    // Another leader may have replaced what this process had when it led before.
    this.#held = undefined;
    return this.#secret.keep((observed, write) => this.#ensure(observed, write), signal);
  }

  async #ensure(observed: KubeObject | undefined, write: Write): Promise<boolean> {
    const { namespace, clock, log, onCertificates } = this.#options;
    const kept = observed && certificatesIn(observed);
    const rotateBefore = this.#rotateBefore(observed);
    const next = await renewed(this.#held ?? kept, syncServerName, clock.wall(), rotateBefore);
    const isKept = isDeepStrictEqual(next, kept);
    if (!isKept) {
      await write(secretOf(next, namespace));
      const fields = { secret: secretName, authorities: next.authorities.length };
      const wasOverwritten = observed && this.#held && !isDeepStrictEqual(kept, this.#held);
      if (wasOverwritten) log.warn(fields, 'restored the sync certificates, which someone had overwritten');
      else log.info(fields, 'wrote the sync certificates');
    }
    if (!isDeepStrictEqual(next, this.#held)) {
      this.#held = next;
      onCertificates(next);
    }
    return !isKept;
  }

  /** The time that the annotation asks for, in milliseconds since the epoch; undefined if it asks for none. */
  #rotateBefore(observed: KubeObject | undefined): number | undefined {
    const value = observed?.metadata.annotations?.[rotateBeforeAnnotation];
    if (value === undefined) return undefined;
    const time = rfc3339.test(value) ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(time)) return time;
    if (this.#invalid !== value)
      this.#options.log.warn(
        { secret: secretName, annotation: rotateBeforeAnnotation },
        'ignoring the annotation, because it is not a time such as 2026-01-31T12:00:00Z',
      );
    this.#invalid = value;
    return undefined;
  }
}

export interface SyncSecretOptions {
  client: Pick<ApiClient, 'list' | 'watch' | 'create' | 'apply'>;
  /** The operator's own. */
  namespace: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** Called with what is in the Secret, each time that it is something else. */
  onCertificates: (certificates: SyncCertificates) => void;
  /** The Secret could not be processed as observed. */
  onFault: (resource: Resource) => void;
  /** The obstacle has changed. */
  onObstacle: () => void;
}

function secretOf({ authorities, authorityKey, serving }: SyncCertificates, namespace: string) {
  const data = {
    'ca.crt': authorities.join(''),
    'ca.key': authorityKey,
    'tls.crt': serving.certificate,
    'tls.key': serving.key,
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName, namespace, labels: { [managedByLabel]: managerName } },
    type: 'Opaque',
    data: Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
  };
}

/** The certificates in a Secret, which may be broken. */
function certificatesIn({ data }: KubeObject): SyncCertificates {
  const text = (name: string) =>
    Buffer.from(String((data as Record<string, unknown>)?.[name] ?? ''), 'base64').toString();
  return {
    authorities: text('ca.crt').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [],
    authorityKey: text('ca.key'),
    serving: { certificate: text('tls.crt'), key: text('tls.key') },
  };
}
