import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { formatHostPort } from '../../base/host-port.ts';
import { apiUses } from '../../contract/api-uses.ts';
import { syncPort, syncServiceName } from '../../contract/operator-names.ts';
import { syncServerName, tokenAudience } from '../../protocol/sync.ts';
import { type SyncAccess, syncAccessVersion } from '../../protocol/sync-access.ts';
import { clusterAddresses } from '../agents/settings-of.ts';
import { Reflector } from '../cache/reflector.ts';
import { Store } from '../cache/store.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { LeaderEndpoint } from '../leader/leader-endpoint.ts';
import { authenticatedAgent, type PodRecord } from './identity/authenticated-agent.ts';
import { readPublishedKeys } from './identity/published-keys.ts';
import { ServiceAccountKeys } from './identity/service-account-keys.ts';
import { TokenVerifier } from './identity/token-verifier.ts';
import type { SyncHub } from './sync-hub.ts';
import { SyncMetrics } from './sync-metrics.ts';
import type { SyncOptions } from './sync-options.ts';
import { SyncServer } from './sync-server.ts';
import type { SyncCertificates } from './tls/sync-certificates.ts';
import { SyncSecret } from './tls/sync-secret.ts';

/** Between attempts to listen. */
const backoff = { baseMs: 500, maxMs: 5000 };

export interface SyncEndpointParts {
  client: ApiClient;
  options: SyncOptions;
  /** The operator's own, where its Secret, Service and EndpointSlice are. */
  namespace: string;
  hub: SyncHub;
  /** The pod of an agent by `namespace/name`. */
  podAt: (key: string) => PodRecord | undefined;
  isLeading: () => boolean;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  registry: Registry;
  /** An object of this resource could not be processed. */
  onFault: (resource: Resource) => void;
  /** The access or the obstacle has changed. */
  onChange: () => void;
}

/** How agents reach the leader: certificates, server, and the Service that points to it. */
export class SyncEndpoint {
  readonly reflectors: readonly Reflector<KubeObject>[];
  readonly #parts: SyncEndpointParts;
  readonly #services = new Store<KubeObject>();
  readonly #slice: LeaderEndpoint;
  readonly #secret: SyncSecret;
  readonly #keys: ServiceAccountKeys;
  readonly #server: SyncServer;
  /** Resolves when the server has the certificates of this term. */
  #certified = Promise.withResolvers<void>();
  /** Empty until they are known in this term. */
  #authorities = '';
  /** When the certificates end, in seconds since the epoch. */
  #ends: { authority: number; serving: number } | undefined;
  #fault: string | undefined;

  constructor(parts: SyncEndpointParts) {
    this.#parts = parts;
    const { client, namespace, hub, podAt, isLeading, clock, random, log, registry, onFault, onChange } = parts;
    this.#services.onChange(onChange);
    this.#slice = new LeaderEndpoint({
      ...{ client, resource: apiUses.leaderEndpointSlice, namespace, clock, random, log, onFault },
      onObstacle: onChange,
    });
    const services = new Reflector({
      scope: { namespace, name: syncServiceName },
      ...{ client, resource: apiUses.services, store: this.#services, transform: (object: KubeObject) => object },
      ...{ onFault, clock, random, log },
    });
    this.#secret = new SyncSecret({
      ...{ client, namespace, clock, random, log, onFault },
      onCertificates: (certificates) => this.#use(certificates),
      onObstacle: onChange,
    });
    this.reflectors = [services, this.#slice.reflector, this.#secret.reflector];
    this.#keys = new ServiceAccountKeys(() => readPublishedKeys(client), clock, onChange);
    const verifier = new TokenVerifier({ keys: this.#keys, audience: tokenAudience, clock });
    const observed = new SyncMetrics(registry);
    this.#server = new SyncServer({
      ...{ hub, isLeading, clock, log, observe: observed.observer },
      identify: async (token) => {
        const claims = await verifier.verify(token);
        return authenticatedAgent(claims, podAt(`${claims.namespace}/${claims.pod}`));
      },
    });
    observed.watch({ connections: () => this.#server.connections, held: () => hub.held });
    observed.watchCertificates(() => this.#ends);
  }

  /** Why agents cannot reach the operator; undefined if they can. */
  get obstacle(): string | undefined {
    const { namespace } = this.#parts;
    if (!this.#service)
      return `Service ${syncServiceName} does not exist in namespace ${namespace}; apply manifests/install.yaml`;
    return this.#fault ?? this.#secret.obstacle ?? this.#slice.obstacle ?? this.#keys.obstacle;
  }

  /** The address of the leader, as agents are led to it; undefined without one. */
  get leaderAddress(): string | undefined {
    return this.#slice.address;
  }

  /** What agents need to reach the operator; undefined while unknown. */
  get access(): SyncAccess | undefined {
    const { address } = this.#parts.options;
    // kube-proxy forwards within one family only.
    const addresses = clusterAddresses(this.#service).filter((other) => isIP(other) === isIP(address));
    if (addresses.length === 0 || this.#authorities === '') return undefined;
    return {
      version: syncAccessVersion,
      addresses: addresses.map((other) => formatHostPort(other, syncPort)),
      serverName: syncServerName,
      ca: this.#authorities,
    };
  }

  get #service(): KubeObject | undefined {
    return this.#services.get(`${this.#parts.namespace}/${syncServiceName}`);
  }

  /**
   * Serves agents and points the Service here until the signal is aborted. The hub must then be closed. Never rejects.
   */
  async serve(signal: AbortSignal): Promise<void> {
    const { options, clock, isLeading } = this.#parts;
    // Another leader may have replaced the certificates since this process led before.
    this.#certified = Promise.withResolvers<void>();
    this.#authorities = '';
    const kept = Promise.all([this.#secret.keep(signal), this.#keys.learn(signal)]);
    await Promise.race([this.#certified.promise, pause(clock, undefined, signal)]);
    const port = signal.aborted ? undefined : await this.#listen(signal);
    if (port !== undefined) {
      const advertised = { address: options.address, port: options.advertisedPort ?? port };
      await this.#slice.keep(advertised, signal);
      // A leader that was deposed must not write any more.
      await Promise.all([this.#server.close(), isLeading() && this.#slice.withdraw(advertised)]);
    }
    await kept;
  }

  #use({ authorities, serving }: SyncCertificates): void {
    this.#server.useCertificate(serving);
    this.#ends = { authority: endOf(authorities[0]!), serving: endOf(serving.certificate) };
    this.#certified.resolve();
    const text = authorities.join('');
    if (text === this.#authorities) return;
    this.#authorities = text;
    this.#parts.onChange();
  }

  /** @returns the port; undefined where the signal was aborted before */
  async #listen(signal: AbortSignal): Promise<number | undefined> {
    const { options, clock, random, log } = this.#parts;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const port = await this.#server.listen(options.port);
        this.#faultIs(undefined);
        log.info({ port }, 'listening for agents');
        return port;
      } catch (error) {
        if (failures === 0) log.error({ err: error, port: options.port }, 'cannot listen for agents, will retry');
        this.#faultIs(`cannot listen for agents: ${(error as Error).message}`);
        await pause(clock, backoffDelay(++failures, backoff, random), signal);
      }
    }
    return undefined;
  }

  #faultIs(fault: string | undefined): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    this.#parts.onChange();
  }
}

function endOf(certificate: string): number {
  return new X509Certificate(certificate).validToDate.getTime() / 1000;
}
