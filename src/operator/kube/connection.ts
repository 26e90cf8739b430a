import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';
import type { ClusterAccess, Credentials } from './cluster-access.ts';

/** How long credentials are used before they are read again (as long as client-go does). */
const credentialsTtlMs = 60_000;

/** Watches hold a connection each; the rest is for short requests. */
const maxConnections = 32;

/**
 * The one pool of connections to the API server and what authenticates on it. Certificates belong to a connection, so new
 * ones mean a new pool; requests under way finish on the old one.
 */
export class Connection {
  readonly #access: ClusterAccess;
  readonly #clock: Clock;
  #pool: Agent | undefined;
  #credentials: Credentials | undefined;
  #readAt = 0;

  constructor(access: ClusterAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
  }

  get origin(): string {
    return this.#access.server.origin;
  }

  /** The path under which the server's API is, without a final slash. */
  get basePath(): string {
    return this.#access.server.pathname.replace(/\/$/, '');
  }

  /** The pool and the headers of the next request. */
  async use(): Promise<{ dispatcher: Dispatcher; headers: Record<string, string> }> {
    if (!this.#credentials || !this.#pool || this.#clock.now() - this.#readAt >= credentialsTtlMs) await this.#read();
    return { dispatcher: this.#pool!, headers: this.#credentials!.headers };
  }

  /** Makes the next request read the credentials again: the API server refused these. */
  refuse(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** Ends every connection, also those of requests under way. */
  async close(): Promise<void> {
    await this.#pool?.destroy();
  }

  async #read(): Promise<void> {
    const next = await this.#access.credentials();
    if (!this.#pool || !sameTls(this.#credentials!.tls, next.tls)) {
      const old = this.#pool;
      this.#pool = new Agent({
        connections: maxConnections,
        connect: { ...next.tls, timeout: 5000, keepAlive: true, keepAliveInitialDelay: 30_000 },
      });
      // Not awaited: a watch on the old pool may go on for minutes.
      old?.close().catch(() => {});
    }
    this.#credentials = next;
    this.#readAt = this.#clock.now();
  }
}

function sameTls(a: Credentials['tls'], b: Credentials['tls']): boolean {
  return (['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'] as const).every(
    (part) => String(a[part]) === String(b[part]),
  );
}
