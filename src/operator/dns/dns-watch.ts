import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { Resource } from '../kube/resource.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import { type DnsPod, DnsServers } from './dns-service.ts';
import { SliceWatch } from './slice-watch.ts';

/** A Service as in `spec.dns.service`. Without a name it is found by its usual label. */
export interface DnsServiceName {
  namespace: string;
  name: string;
}

/** A reference of a NetExporter to a Service. */
export interface DnsReference {
  service: DnsServiceName;
  /** The namespace of the NetExporter. */
  from: string;
}

/**
 * Maximum number of Services that are watched by name, and of namespaces in which one is found by its label. It bounds
 * the label selector and, with the endpoints of each, what is kept of slices.
 */
export const maxDnsServices = 64;

/**
 * Maximum number of endpoints that are kept of one Service, or in one namespace by the usual label. Anyone can create
 * EndpointSlices for a Service in their namespace, with a thousand endpoints each.
 */
export const maxEndpoints = 1000;

/**
 * The same in the namespaces of the cluster's DNS, where only administrators create EndpointSlices: a DNS pod on each
 * of 5,000 nodes, with two address families.
 */
export const maxClusterDnsEndpoints = 10_000;

/** Maximum number of ports that are returned of one Service. More than two are in use only while its pods change. */
const maxPorts = 8;

/** The namespace of the cluster's DNS in most clusters, and the default of `spec.dns.service.namespace`. */
const usualNamespace = 'kube-system';

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
  readonly #byName: SliceWatch;
  readonly #byLabel: SliceWatch;
  /** What NetExporters refer to by name, in order of precedence. */
  #named: DnsServiceName[] = [];
  /** The same without a name. */
  #unnamed: DnsServiceName[] = [];
  readonly #watched = new Map<string, Watched>();
  #beyondLimit: ReadonlySet<string> = new Set();
  /** Undefined until it has been looked for. */
  #resolver: DnsServiceName | 'none' | undefined;
  #isResolverKnown = false;

  constructor(options: DnsWatchOptions) {
    this.#options = options;
    const { client, resource, clock, random, log, onFault } = options;
    const watching = { client, resource, clock, random, log, onFault, onChange: () => this.#changed() };
    this.#byName = new SliceWatch({
      ...watching,
      selectorOf: (keys) => `${serviceNameLabel} in (${[...new Set(keys.map(nameIn))].sort().join(',')})`,
      keyOf: ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`,
    });
    this.#byLabel = new SliceWatch({
      ...watching,
      selectorOf: () => usualLabel,
      keyOf: ({ metadata }) => keyOf({ namespace: metadata.namespace ?? '', name: '' }),
    });
  }

  /**
   * Watches these Services and no others. If there are too many, the cluster's own DNS has precedence. Of the others,
   * the namespaces of NetExporters take turns, so that one with many NetExporters displaces no other; in each turn and
   * namespace those that are watched already come first, and then those that are mentioned first.
   */
  watch(references: Iterable<DnsReference>): void {
    const all = [...references];
    const isWatched = (service: DnsServiceName) => this.#watched.has(keyOf(service));
    const [named, unnamed] = [
      all.filter(({ service }) => service.name !== ''),
      all.filter(({ service }) => service.name === ''),
    ];
    this.#named = inTurns(named, isWatched);
    this.#unnamed = inTurns(unnamed, isWatched);
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

  /** Returns the pods of this Service with their states; none while they are not known, or are not watched. */
  podsOf(service: DnsServiceName): DnsPod[] {
    const watched = this.#watched.get(keyOf(service));
    const slices = watched && this.#slicesOf(watched);
    if (!slices) return [];
    const isFound = service.name !== '' || slices.length > 0;
    if (!isFound) return typeof this.#resolver === 'object' ? this.podsOf(this.#resolver) : [];
    return watched.servers.pods(slices, this.#options.nodeOf);
  }

  /** Whether this Service is the one that pods use as resolver, as far as is known. */
  isResolver({ namespace, name }: DnsServiceName): boolean {
    if (typeof this.#resolver !== 'object') return false;
    if (name !== '') return namespace === this.#resolver.namespace && name === this.#resolver.name;
    const slices = this.#byLabel.slicesOf(keyOf({ namespace, name }));
    return !slices || slices.length === 0 || namespace === this.#resolver.namespace;
  }

  /**
   * Returns the ports at which the pods of this Service, and of the resolver in its namespace, serve DNS; sorted. None
   * if they cannot be determined; undefined while unknown, also while there are no pods. `onChange` ends that.
   */
  portsOf(service: DnsServiceName): number[] | undefined {
    if (!this.#isResolverKnown) return undefined;
    const key = keyOf(service);
    const resolver = this.#resolver === 'none' ? undefined : this.#resolver;
    const isBesideResolver =
      service.name !== '' && service.namespace === resolver?.namespace && service.name !== resolver.name;
    // The slices of the resolver are not watched then.
    if (isBesideResolver || this.#beyondLimit.has(key)) return [];
    const watched = this.#watched.get(key);
    const slices = watched && this.#listed(watched);
    if (!slices) return undefined;
    if (service.name === '' && slices.length === 0 && resolver) return this.portsOf(resolver);
    const ports = [...new Set(slices.flatMap((slice) => slice.ports))].sort((a, b) => a - b);
    if (ports.length === 0) return undefined;
    return ports.length <= maxPorts ? ports : [];
  }

  /**
   * Whether a Service in a spec has no EndpointSlice: it does not exist, or never had pods. False while unknown, and
   * for a Service whose pods have failed.
   */
  isMissing(service: DnsServiceName): boolean {
    return service.name !== '' && this.#byName.slicesOf(keyOf(service))?.length === 0;
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
   * @param isKnown false if the resolver could not be looked up, so that there may be one
   */
  useResolver(service: DnsServiceName | undefined, isKnown = true): void {
    this.#resolver = service ?? 'none';
    this.#isResolverKnown = isKnown;
    this.#changed();
  }

  /** What people should know about the watches, each in a sentence. */
  get notices(): string[] {
    return [...this.#byName.notices, ...this.#byLabel.notices];
  }

  /** Ends every watch. */
  async stop(): Promise<void> {
    this.#resolver = undefined;
    this.#isResolverKnown = false;
    this.watch([]);
    await Promise.all([this.#byName.stop(), this.#byLabel.stop()]);
  }

  #changed(): void {
    this.#select();
    this.#options.onChange();
  }

  /** Decides which Services are watched. The resolver is, if a spec needs it. */
  #select(): void {
    const needsResolver = this.#unnamed.some((service) => {
      const watched = this.#watched.get(keyOf(service));
      return watched && this.#slicesOf(watched)?.length === 0;
    });
    const resolver = this.#resolver === 'none' ? undefined : this.#resolver;
    const isResolver = (service: DnsServiceName) => resolver !== undefined && keyOf(service) === keyOf(resolver);
    const isClusterDns = ({ namespace }: DnsServiceName) =>
      namespace === usualNamespace || namespace === resolver?.namespace;
    const named = first(isResolver, this.#named);
    if (needsResolver && resolver && !named.some(isResolver)) named.unshift(resolver);
    const unnamed = first(isClusterDns, this.#unnamed);
    const chosenNamed = named.slice(0, maxDnsServices);
    const chosenUnnamed = unnamed.slice(0, maxDnsServices);
    this.#beyondLimit = new Set([...named.slice(maxDnsServices), ...unnamed.slice(maxDnsServices)].map(keyOf));
    this.#keep([...chosenNamed, ...chosenUnnamed]);
    const limitsOf = (services: DnsServiceName[]) =>
      new Map(
        services.map((service) => [keyOf(service), isClusterDns(service) ? maxClusterDnsEndpoints : maxEndpoints]),
      );
    this.#byName.watch(limitsOf(chosenNamed));
    this.#byLabel.watch(limitsOf(chosenUnnamed));
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
    return (service.name === '' ? this.#byLabel : this.#byName).slicesOf(keyOf(service));
  }
}

/** The Services without repetition, in the order in which the namespaces of their NetExporters take turns. */
function inTurns(references: DnsReference[], isWatched: (service: DnsServiceName) => boolean): DnsServiceName[] {
  const turns = new Map<string, { service: DnsServiceName; turn: number }>();
  for (const ofNamespace of Map.groupBy(references, ({ from }) => from).values()) {
    const services = new Map(ofNamespace.map(({ service }) => [keyOf(service), service]));
    for (const [turn, service] of first(isWatched, [...services.values()]).entries()) {
      const key = keyOf(service);
      if (turn < (turns.get(key)?.turn ?? Infinity)) turns.set(key, { service, turn });
    }
  }
  const mentioned = new Set(references.map(({ service }) => keyOf(service)));
  const services = first(
    ({ service }) => isWatched(service),
    [...mentioned].map((key) => turns.get(key)!),
  );
  return services.sort((a, b) => a.turn - b.turn).map(({ service }) => service);
}

/** Those that satisfy the condition, then the others; a new array. */
function first<T>(condition: (item: T) => boolean, items: T[]): T[] {
  return [...items.filter(condition), ...items.filter((item) => !condition(item))];
}

function keyOf({ namespace, name }: DnsServiceName): string {
  return `${namespace}/${name}`;
}

function nameIn(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
