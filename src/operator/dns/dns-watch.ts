import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { Reflector } from '../cache/reflector.ts';
import { Store } from '../cache/store.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { Resource } from '../kube/resource.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import { DnsServers, type DnsSlice, dnsSliceOf } from './dns-service.ts';

/** Which Service is the cluster's DNS, as `spec.dns.service` has it: without a name it is found by its usual label. */
export interface DnsServiceName {
  namespace: string;
  name: string;
}

interface Watched {
  slices: Store<DnsSlice>;
  servers: DnsServers;
  end: AbortController;
  /** Whether the slices are all that there are, as far as can be found out. */
  isKnown: boolean;
  /** Whether they have been listed. */
  isListed: boolean;
}

/** What is not known after so long, since it may not be listed, is taken to be none. Milliseconds. */
const knownWithinMs = 5000;

/** The label of the cluster's DNS, whatever the Service is called; EndpointSlices have the labels of their Service. */
const usualLabel = 'k8s-app=kube-dns';

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

/**
 * The pods behind the cluster's DNS, of as many Services as NetExporters name; each is watched while one of them does.
 */
export class DnsWatch {
  readonly #options: DnsWatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #running = new Set<Promise<void>>();
  /** Undefined until it has been looked for. */
  #resolver: DnsServiceName | 'none' | undefined;

  constructor(options: DnsWatchOptions) {
    this.#options = options;
  }

  /**
   * The pods to ask that answer for this Service, as `ip:port`. Undefined while they are not known, which is for a
   * moment: agents keep what they have rather than lose their DNS pods, and the series of these, whenever the leader
   * changes. That they are known, and every change, is told by `onChange`.
   */
  serversOf(service: DnsServiceName): string[] | undefined {
    const key = keyOf(service);
    const { isKnown, slices, servers } = this.#watched.get(key) ?? this.#watch(key, service);
    if (!isKnown) return undefined;
    const isFound = service.name !== '' || slices.size > 0 || this.#resolver === 'none';
    if (!isFound) return this.#resolver && this.serversOf(this.#resolver as DnsServiceName);
    return servers.update(slices.values(), this.#options.nodeOf);
  }

  /**
   * Whether a Service that someone names has no EndpointSlice, which one whose pods have failed still has: there is no
   * such Service, or none that has pods. False while that is not known.
   */
  isMissing(service: DnsServiceName): boolean {
    const watched = this.#watched.get(keyOf(service));
    return service.name !== '' && watched !== undefined && watched.isListed && watched.slices.size === 0;
  }

  /**
   * Sets the Service that pods use as resolver, for specs without a name if no Service has the usual label; undefined:
   * none.
   */
  useResolver(service: DnsServiceName | undefined): void {
    this.#resolver = service ?? 'none';
    this.#options.onChange();
  }

  /** Stops watching all other Services. */
  retain(services: Iterable<DnsServiceName>): void {
    const resolver = this.#resolver === 'none' || !this.#resolver ? [] : [this.#resolver];
    const keys = new Set([...services, ...resolver].map(keyOf));
    for (const [key, { end }] of this.#watched) {
      if (keys.has(key)) continue;
      end.abort(new Error('no NetExporter refers to this Service'));
      this.#watched.delete(key);
    }
  }

  /** Ends every watch. */
  async stop(): Promise<void> {
    this.#resolver = undefined;
    this.retain([]);
    await Promise.all(this.#running);
  }

  #watch(key: string, { namespace, name }: DnsServiceName): Watched {
    const { client, resource, clock, random, log, onFault, onChange } = this.#options;
    const end = new AbortController();
    const watched = { slices: new Store<DnsSlice>(), servers: new DnsServers(), end, isKnown: false, isListed: false };
    const tell = () => {
      if (watched.isKnown) onChange();
    };
    watched.slices.onChange(tell);
    const reflector = new Reflector({
      scope: { namespace },
      labelSelector: name === '' ? usualLabel : `kubernetes.io/service-name=${name}`,
      ...{ client, resource, store: watched.slices, transform: dnsSliceOf, onFault, clock, random },
      log: log.child({ dnsService: key }),
    });
    this.#watched.set(key, watched);
    const know = () => {
      if (watched.isKnown || end.signal.aborted) return;
      watched.isKnown = true;
      tell();
    };
    const cancel = clock.after(knownWithinMs, know);
    end.signal.addEventListener('abort', cancel, { once: true });
    void reflector.synced.then(() => {
      watched.isListed = true;
      know();
    });
    const running = reflector.run(end.signal).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return watched;
  }
}

function keyOf({ namespace, name }: DnsServiceName): string {
  return `${namespace}/${name}`;
}
