import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Agent, type Dispatcher, request } from 'undici';

/** What is read of a kubeconfig that test/cluster has written: certificates inside, one cluster, one user. */
interface Kubeconfig {
  clusters: [{ name: string; cluster: { server: string; 'certificate-authority-data': string } }];
  users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** How many requests are under way at once: the API server has the machine to share with what is measured. */
const connections = 16;

/** Raw access to the API server for tens of thousands of writes: kept connections, bounded in number. */
export class ApiServer {
  readonly url: string;
  readonly #authority: string;
  readonly #pool: Agent;
  readonly #streams: Agent;

  /** @param kubeconfig the administrator's, of a local cluster */
  constructor(kubeconfig: string) {
    const config = JSON.parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
    const [{ cluster }] = config.clusters;
    const [{ user }] = config.users;
    const decode = (data: string) => Buffer.from(data, 'base64').toString('utf8');
    this.url = cluster.server;
    this.#authority = cluster['certificate-authority-data'];
    const tls = {
      ca: decode(cluster['certificate-authority-data']),
      cert: decode(user['client-certificate-data']),
      key: decode(user['client-key-data']),
    };
    this.#pool = new Agent({ connections, allowH2: false, connect: tls });
    this.#streams = new Agent({ allowH2: false, connect: tls, bodyTimeout: 0 });
  }

  /** @throws Error with the API server's words where it does not answer with a success */
  async send<T>(method: Method, path: string, body?: object): Promise<T> {
    const { statusCode, body: answer } = await this.#request(this.#pool, method, path, body);
    const text = await answer.text();
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 300)}`);
    return JSON.parse(text) as T;
  }

  /** Sends one request for each item, as many at once as there are connections. */
  async sendAll<T>(items: Iterable<T>, send: (item: T) => Promise<unknown>, signal: AbortSignal): Promise<void> {
    const iterator = items[Symbol.iterator]();
    const work = async () => {
      for (let next = iterator.next(); !next.done; next = iterator.next()) {
        signal.throwIfAborted();
        await send(next.value);
      }
    };
    await Promise.all(Array.from({ length: connections }, work));
  }

  /** The objects of a watch from now on, as they are added. Ends when the signal is aborted. */
  async *added(path: string, resourceVersion: string, signal: AbortSignal): AsyncGenerator<{ name: string }> {
    const query = `watch=true&resourceVersion=${resourceVersion}`;
    const { body } = await this.#request(this.#streams, 'GET', `${path}?${query}`, undefined, signal);
    // Its end by the signal is no failure.
    body.on('error', () => {});
    for await (const line of createInterface({ input: body })) {
      const { type, object } = JSON.parse(line) as { type: string; object: { metadata: { name: string } } };
      if (type === 'ADDED') yield { name: object.metadata.name };
    }
  }

  /** A kubeconfig for a bearer token. */
  kubeconfigFor(token: string): object {
    const cluster = { server: this.url, 'certificate-authority-data': this.#authority };
    return {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'bench', cluster }],
      users: [{ name: 'operator', user: { token } }],
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'operator' } }],
      'current-context': 'bench',
    };
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#streams.destroy()]);
  }

  #request(
    dispatcher: Dispatcher,
    method: Method,
    path: string,
    body?: object,
    signal?: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return request(`${this.url}${path}`, {
      dispatcher,
      method,
      headers: { accept: 'application/json', 'user-agent': 'net-exporter-bench', 'content-type': contentType },
      body: body === undefined ? null : JSON.stringify(body),
      ...(signal && { signal }),
    });
  }
}
