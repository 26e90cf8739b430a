import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { managedByLabel, managerName } from '../../../charts/agent-names.ts';
import { apiUses } from '../../../charts/api-uses.ts';
import { syncServiceName } from '../../../charts/operator-names.ts';
import { syncServerName } from '../../protocol/sync.ts';
import { backoffDelay } from '../backoff.ts';
import { type Clock, pause } from '../clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type ApiErrorCode, isApiError } from '../kube/api-error.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { narrowed } from '../kube/narrowed.ts';
import { Reflector } from '../kube/reflector.ts';
import { Store } from '../kube/store.ts';
import { ReportOnce } from '../report-once.ts';
import { renewed, type SyncCertificates } from './sync-certificates.ts';

const secretName = syncServiceName;

/** Between one write and the next, whoever keeps changing it. */
const intervalMs = 1000;

/** How often it is looked whether something has to be renewed. */
const lookMs = 3_600_000;

const backoff = { baseMs: 500, maxMs: 10_000 };

/** What the API server says when the object came, went or changed since we saw it. */
const outdated: ApiErrorCode[] = ['AlreadyExists', 'Conflict'];

type Client = Pick<ApiClient, 'list' | 'watch' | 'create' | 'apply'>;

/** Keeps what the sync server proves itself with in a Secret of the operator's own namespace, from one leader to the next. */
export class SyncSecret {
  /** Every operator watches it, so that a leader begins with what is there. */
  readonly reflector: Reflector<KubeObject>;
  readonly #options: SyncSecretOptions;
  readonly #secrets = new Store<KubeObject>();
  readonly #reports = new ReportOnce();
  #held: SyncCertificates | undefined;
  #wake = () => {};
  /** Why the certificates cannot be kept, for people; undefined where they can. */
  obstacle: string | undefined;

  constructor(options: SyncSecretOptions) {
    this.#options = options;
    const { client, namespace, clock, random, log } = options;
    this.#secrets.onChange(() => this.#wake());
    this.reflector = new Reflector({
      client: narrowed(client, { namespace, name: secretName }),
      ...{ resource: apiUses.syncSecret, store: this.#secrets, transform: (object) => object, clock, random, log },
    });
  }

  /** Makes, renews and mends the Secret until the signal is aborted. It never rejects. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      try {
        const wait = (await this.#mend(signal)) ? signal : AbortSignal.any([signal, changed.signal]);
        await pause(clock, wait === signal ? intervalMs : lookMs, wait);
        failures = 0;
        this.obstacle = undefined;
        this.#reports.forget('');
      } catch (error) {
        if (signal.aborted) return;
        this.obstacle = `Secret ${secretName} cannot be written: ${(error as Error).message}`;
        if (!isApiError(error, ...outdated) && this.#reports.isNew('', String(error)))
          log.warn({ err: error }, `${this.obstacle}; trying again`);
        await pause(clock, backoffDelay(++failures, backoff, random), signal);
      }
    }
  }

  /** @returns whether something had to be written */
  async #mend(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, clock, log, onCertificates } = this.#options;
    const observed = this.#secrets.get(`${namespace}/${secretName}`);
    const kept = observed && certificatesIn(observed);
    const next = await renewed(this.#held ?? kept, syncServerName, clock.now());
    const isKept = isDeepStrictEqual(next, kept);
    if (!isKept) {
      const secret = secretOf(next, namespace);
      if (observed) {
        const metadata = { ...secret.metadata, uid: observed.metadata.uid };
        const place = { namespace, name: secretName };
        await client.apply(apiUses.syncSecret, place, { ...secret, metadata }, signal);
      } else await client.create(apiUses.syncSecret, namespace, secret, signal);
      log.info({ secret: secretName }, 'wrote the certificates of sync');
    }
    if (!isDeepStrictEqual(next, this.#held)) {
      this.#held = next;
      onCertificates(next);
    }
    return !isKept;
  }
}

export interface SyncSecretOptions {
  client: Client;
  /** The operator's own. */
  namespace: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** Called with what is in the Secret, each time that it is something else. */
  onCertificates: (certificates: SyncCertificates) => void;
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

/** What a Secret holds, whoever may have broken it. */
function certificatesIn({ data }: KubeObject): SyncCertificates {
  const text = (name: string) =>
    Buffer.from(String((data as Record<string, unknown>)?.[name] ?? ''), 'base64').toString();
  return {
    authorities: text('ca.crt').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [],
    authorityKey: text('ca.key'),
    serving: { certificate: text('tls.crt'), key: text('tls.key') },
  };
}
