import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';

/** An answer of the API server that is no success. */
export class ClusterApiError extends Error {
  readonly code = 'CLUSTER_API';
  readonly status: number;
  readonly body: string;

  constructor(doing: string, status: number, body: string) {
    super(`${doing}: ${status} ${body.slice(0, 300)}`);
    this.name = 'ClusterApiError';
    this.status = status;
    this.body = body;
  }
}

export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    resourceVersion: string;
    generation?: number;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
  };
  [field: string]: unknown;
}

/** One line of a watch. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: ApiObject;
}

const contentTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** The API server as its clients reach it: past every proxy, and without a process for each request. */
export class ClusterApi {
  readonly origin: string;
  /** The certificate authority of the cluster, PEM. */
  readonly authority: Buffer;
  readonly #agent: Agent;
  readonly #headers: Record<string, string>;

  private constructor(origin: string, authority: Buffer, agent: Agent, headers: Record<string, string>) {
    this.origin = origin;
    this.authority = authority;
    this.#agent = agent;
    this.#headers = headers;
  }

  /**
   * @param kubeconfig one of test/cluster, with the certificates in it
   * @param token of whom to be instead of the administrator
   */
  static async of(kubeconfig: string, token?: string): Promise<ClusterApi> {
    const { clusters, users } = JSON.parse(await readFile(kubeconfig, 'utf8')) as {
      clusters: { cluster: Record<string, string> }[];
      users: { user: Record<string, string> }[];
    };
    const decode = (text: string | undefined) => Buffer.from(text ?? '', 'base64');
    const { server = '', 'certificate-authority-data': ca } = clusters[0]?.cluster ?? {};
    const { 'client-certificate-data': cert, 'client-key-data': key } = users[0]?.user ?? {};
    const authority = decode(ca);
    const credentials = token === undefined ? { cert: decode(cert), key: decode(key) } : {};
    const agent = new Agent({ keepAlive: true, ca: authority, ...credentials });
    return new ClusterApi(server, authority, agent, token === undefined ? {} : { authorization: `Bearer ${token}` });
  }

  close(): void {
    this.#agent.destroy();
  }

  get<T = ApiObject>(path: string): Promise<T> {
    return this.#send('GET', path) as Promise<T>;
  }

  async items(path: string): Promise<ApiObject[]> {
    return (await this.get<{ items: ApiObject[] }>(path)).items;
  }

  create(path: string, object: object): Promise<ApiObject> {
    return this.#send('POST', path, object);
  }

  patch(path: string, type: keyof typeof contentTypes, patch: unknown): Promise<ApiObject> {
    return this.#send('PATCH', path, patch, contentTypes[type]);
  }

  replace(path: string, object: object): Promise<ApiObject> {
    return this.#send('PUT', path, object);
  }

  /** @param options instead of those in the query, which the API server then ignores */
  delete(path: string, options: object = {}): Promise<ApiObject> {
    return this.#send('DELETE', path, { propagationPolicy: 'Background', ...options });
  }

  /**
   * The changes that a watch shows, until it ends or the signal is aborted.
   * @param path with the query of the watch
   * @throws {ClusterApiError} when the API server refuses or ends the watch with an error
   */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const answer = await this.#open(path, signal);
    const lines = createInterface({ input: answer });
    try {
      for await (const line of lines) {
        const event = JSON.parse(line) as WatchEvent;
        if (event.type === 'ERROR') throw new ClusterApiError(`GET ${path}`, answer.statusCode ?? 0, line);
        yield event;
      }
    } finally {
      lines.close();
      answer.destroy();
    }
  }

  /** Whether the API server says that it is ready. */
  isReady(): Promise<boolean> {
    return this.#text('GET', '/readyz').then(
      (text) => text === 'ok',
      () => false,
    );
  }

  async #send(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<ApiObject> {
    return JSON.parse(await this.#text(method, path, body, contentType)) as ApiObject;
  }

  #open(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.origin}${path}`,
        { headers: this.#headers, agent: this.#agent, signal },
        (answer) => {
          const status = answer.statusCode ?? 0;
          if (status < 300) return resolve(answer);
          answer.resume();
          reject(new ClusterApiError(`GET ${path}`, status, answer.statusMessage ?? ''));
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  }

  #text(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<string> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      // Node sends no length with a DELETE by itself, and the next request of the connection is then not understood.
      const content = text !== undefined && {
        ...{ 'content-type': contentType, 'content-length': Buffer.byteLength(text) },
      };
      const headers = { ...this.#headers, ...content };
      const sent = request(
        `${this.origin}${path}`,
        { method, headers, agent: this.#agent, timeout: 10_000 },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const answered = Buffer.concat(chunks).toString('utf8');
            const status = answer.statusCode ?? 0;
            if (status < 300) resolve(answered);
            else reject(new ClusterApiError(`${method} ${path}`, status, answered));
          });
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer within 10 s`)));
      sent.on('error', reject);
      sent.end(text);
    });
  }
}
