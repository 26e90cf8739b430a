import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { Resource } from '../kube/resource.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import { DnsServers } from './dns-service.ts';
import { SliceWatch } from './slice-watch.ts';

/** A Service as in `spec.dns.service`. Without a name it is found by its usual label. */
export interface DnsServiceName {
  namespace: string;
  name: string;
}

/**
 * Maximum number of Services that are watched by name, and of namespaces in which one is found by its label. It bounds
 * the label selector and, with the endpoints of each, what is kept of slices.
 */
export const maxDnsServices = 64;

/** A Service whose slices are not listed after this time, such as without the permission, has none. Milliseconds. */
const knownWithinMs = 5000;

/** The label of the cluster's DNS, whatever the Service is called; EndpointSlices have the labels of their Service. */
const usualLabel = 'k8s-app=kube-dns';

const serviceNameLabel = 'kubernetes.io/service-name';

export interface DnsWatchOptions {
  client: Pick<ApiClient, 'list' | 'watch'>;
  /** EndpointSlices. */
  resource: Resource;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** An EndpointSlice could not be processed. */
  onFault: (resource: Resource) => void;
  nodeOf: (name: string) => NodeFacts | undefined;
  /** Called when the servers of one of the Services may have changed. */
  onChange: () => void;
}

/** A Service that is watched. */
interface Watched {
  service: DnsServiceName;
  servers: DnsServers;
  /** Whether it is too late to wait for its slices. */
  isLate: boolean;
  cancel: () => void;
}

/**
 * The pods behind the cluster's DNS, for all Services in `spec.dns.service` of NetExporters. Two watches at most serve
 * all of them: one by names, one by the usual label.
 */
export class DnsWatch {
  readonly #options: DnsWatchOptions;
  readonly #named: SliceWatch;
  readonly #labelled: SliceWatch;
  /** What NetExporters refer to, in order of precedence. */
  #services: DnsServiceName[] = [];
  readonly #watched = new Map<string, Watched>();
  #beyondLimit: ReadonlySet<string> = new Set();
  /** Undefined until it has been looked for. */
  #resolver: DnsServiceName | 'none' | undefined;

  constructor(options: DnsWatchOptions) {
    this.#options = options;
    const { client, resource, clock, random, log, onFault } = options;
    const watching = { client, resource, clock, random, log, onFault, onChange: () => this.#changed() };
    this.#named = new SliceWatch({
      ...watching,
      selectorOf: (keys) => `${serviceNameLabel} in (${[...new Set(keys.map(nameIn))].sort().join(',')})`,
      keyOf: ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`,
    });
    this.#labelled = new SliceWatch({
      ...watching,
      selectorOf: () => usualLabel,
      keyOf: ({ metadata }) => keyOf({ namespace: metadata.namespace ?? '', name: '' }),
    });
  }

  /**
   * Watches these Services and no others. If there are too many, those that are watched already have precedence, and
   * then the first ones.
   */
  watch(services: Iterable<DnsServiceName>): void {
    const all = [...new Map([...services].map((service) => [keyOf(service), service])).values()];
    const isWatched = (service: DnsServiceName) => this.#watched.has(keyOf(service));
    this.#services = [...all.filter(isWatched), ...all.filter((service) => !isWatched(service))];
    this.#select();
  }

  /**
   * Returns the pods to query for this Service, as `ip:port`. Undefined while unknown, which `onChange` ends: agents
   * keep the DNS pods that they have when the leader changes.
   */
  serversOf(service: DnsServiceName): string[] | undefined {
    const key = keyOf(service);
    if (this.#beyondLimit.has(key)) return [];
    const watched = this.#watched.get(key);
    const slices = watched && this.#slicesOf(watched);
    if (!slices) return undefined;
    const isFound = service.name !== '' || slices.length > 0 || this.#resolver === 'none';
    if (!isFound) return this.#resolver && this.serversOf(this.#resolver as DnsServiceName);
    return watched.servers.update(slices, this.#options.nodeOf);
  }

  /**
   * Whether a Service in a spec has no EndpointSlice: it does not exist, or never had pods. False while unknown, and
   * for a Service whose pods have failed.
   */
  isMissing(service: DnsServiceName): boolean {
    return service.name !== '' && this.#named.slicesOf(keyOf(service))?.length === 0;
  }

  /** Whether a Service is not watched because there are too many others. */
  isBeyondLimit(service: DnsServiceName): boolean {
    return this.#beyondLimit.has(keyOf(service));
  }

  /** Whether a Service has so many pods that only some of them are known. */
  hasTooManyPods(service: DnsServiceName): boolean {
    const watched = this.#watched.get(keyOf(service));
    const slices = (watched && this.#slicesOf(watched)) ?? [];
    const resolver = this.#resolver === 'none' ? undefined : this.#resolver;
    if (service.name === '' && slices.length === 0 && resolver) return this.hasTooManyPods(resolver);
    return slices.some(({ leftOut }) => leftOut > 0);
  }

  /**
   * Sets the Service that pods use as resolver, for specs without a name if no Service has the usual label; undefined:
   * none.
   */
  useResolver(service: DnsServiceName | undefined): void {
    this.#resolver = service ?? 'none';
    this.#changed();
  }

  /** What people should know about the watches, each in a sentence. */
  get notices(): string[] {
    return [...this.#named.notices, ...this.#labelled.notices];
  }

  /** Ends every watch. */
  async stop(): Promise<void> {
    this.#resolver = undefined;
    this.watch([]);
    await Promise.all([this.#named.stop(), this.#labelled.stop()]);
  }

  #changed(): void {
    this.#select();
    this.#options.onChange();
  }

  /** Decides which Services are watched. The resolver is, if a spec needs it. */
  #select(): void {
    const unnamed = this.#services.filter(({ name }) => name === '');
    const needsResolver = unnamed.some((service) => {
      const watched = this.#watched.get(keyOf(service));
      return watched && this.#slicesOf(watched)?.length === 0;
    });
    const resolver = this.#resolver === 'none' ? undefined : this.#resolver;
    const candidates = [...(needsResolver && resolver ? [resolver] : []), ...this.#services];
    const named = new Map(candidates.filter(({ name }) => name !== '').map((service) => [keyOf(service), service]));
    const chosen = [...named.values()].slice(0, maxDnsServices);
    const chosenUnnamed = unnamed.slice(0, maxDnsServices);
    const others = unnamed.slice(maxDnsServices).map(keyOf);
    this.#beyondLimit = new Set([...[...named.keys()].slice(maxDnsServices), ...others]);
    this.#keep([...chosen, ...chosenUnnamed]);
    this.#named.watch(chosen.map(keyOf));
    this.#labelled.watch(chosenUnnamed.map(keyOf));
  }

  #keep(services: DnsServiceName[]): void {
    const keys = new Set(services.map(keyOf));
    for (const [key, { cancel }] of this.#watched)
      if (!keys.has(key)) {
        cancel();
        this.#watched.delete(key);
      }
    for (const service of services) {
      const key = keyOf(service);
      if (this.#watched.has(key)) continue;
      const watched: Watched = { service, servers: new DnsServers(), isLate: false, cancel: () => {} };
      watched.cancel = this.#options.clock.after(knownWithinMs, () => {
        watched.isLate = true;
        if (this.#listed(watched) === undefined) this.#changed();
      });
      this.#watched.set(key, watched);
    }
  }

  /** Undefined while unknown. */
  #slicesOf(watched: Watched) {
    return this.#listed(watched) ?? (watched.isLate ? [] : undefined);
  }

  #listed({ service }: Watched) {
    return (service.name === '' ? this.#labelled : this.#named).slicesOf(keyOf(service));
  }
}

function keyOf({ namespace, name }: DnsServiceName): string {
  return `${namespace}/${name}`;
}

function nameIn(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
