import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { narrowed } from '../kube/narrowed.ts';
import { Reflector } from '../kube/reflector.ts';
import type { Resource } from '../kube/resource.ts';
import { Store } from '../kube/store.ts';
import { DnsServers, type DnsSlice, dnsSliceOf } from '../plan/dns-service.ts';
import type { NodeFacts } from '../plan/node-facts.ts';

/** Which Service is the cluster's DNS, as `spec.dns.service` has it: without a name it is found by its usual label. */
export interface DnsServiceName {
  namespace: string;
  name: string;
}

interface Watched {
  slices: Store<DnsSlice>;
  servers: DnsServers;
  end: AbortController;
}

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
  nodeOf: (name: string) => NodeFacts | undefined;
  /** Called when the servers of one of the Services may have changed. */
  onChange: () => void;
}

/** The pods behind the cluster's DNS, of as many Services as NetExporters name; each is watched while one of them does. */
export class DnsWatch {
  readonly #options: DnsWatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #running = new Set<Promise<void>>();
  #resolver: DnsServiceName | undefined;

  constructor(options: DnsWatchOptions) {
    this.#options = options;
  }

  /** The pods to ask that answer for this Service, as `ip:port`. None while it is not known; that one comes is told by `onChange`. */
  serversOf(service: DnsServiceName): string[] {
    const key = keyOf(service);
    const { slices, servers } = this.#watched.get(key) ?? this.#watch(key, service);
    if (service.name === '' && slices.size === 0 && this.#resolver) return this.serversOf(this.#resolver);
    return servers.update(slices.values(), this.#options.nodeOf);
  }

  /** The Service that pods have for their resolver, for those who name none and have none of the usual label. */
  useResolver(service: DnsServiceName): void {
    this.#resolver = service;
    this.#options.onChange();
  }

  /** Watches none but these any more. */
  retain(services: Iterable<DnsServiceName>): void {
    const keys = new Set([...services, ...(this.#resolver ? [this.#resolver] : [])].map(keyOf));
    for (const [key, { end }] of this.#watched) {
      if (keys.has(key)) continue;
      end.abort(new Error('no NetExporter names this Service any more'));
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
    const { client, resource, clock, random, log, onChange } = this.#options;
    const watched = { slices: new Store<DnsSlice>(), servers: new DnsServers(), end: new AbortController() };
    watched.slices.onChange(onChange);
    const reflector = new Reflector({
      client: narrowed(client, { namespace }),
      labelSelector: name === '' ? usualLabel : `kubernetes.io/service-name=${name}`,
      ...{ resource, store: watched.slices, transform: dnsSliceOf, clock, random },
      log: log.child({ dnsService: key }),
    });
    this.#watched.set(key, watched);
    const running = reflector.run(watched.end.signal).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return watched;
  }
}

function keyOf({ namespace, name }: DnsServiceName): string {
  return `${namespace}/${name}`;
}
