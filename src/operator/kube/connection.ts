import { Agent, type buildConnector, type Dispatcher } from 'undici';
import type { Clock } from '../../base/clock.ts';
import type { ClusterAccess, Credentials } from './cluster-access.ts';

/** How long credentials are used before they are read again (as long as client-go does). */
const credentialsTtlMs = 60_000;

/** After this it is tried again where they could not be read. */
const unreadableMs = 5000;

/** Maximum number of connections for requests. Watches have connections of their own, one each. */
const maxConnections = 32;

/** What a connection is for. Watches last, so they must not take connections that requests wait for. */
export type Purpose = 'request' | 'watch';

const connectTimeoutMs = 4000;

/**
 * A peer that is gone is found by the kernel 10 s after this much silence: Node sets the probes 1 s apart, and 10 of
 * them in vain end the connection. (client-go pings after 30 s too, and waits 15.)
 */
const keepAliveMs = 30_000;

/**
 * HTTP/1.1, where undici would take HTTP/2 if it were offered. With that all watches and requests share one connection
 * and its fate: one lost packet holds all of them up, one half-open connection silences every watch at once, and
 * nothing looks for one on a stream that waits (client-go, which shares one, pings it). A watch of its own costs a
 * connection, and there are about fifteen.
 */
const allowH2 = false;

/**
 * The connections to the API server, a pool for requests and one for watches, and the credentials. Certificates belong
 * to a connection, so new ones mean new pools; requests in progress finish on the old ones. Idle connections end after
 * 4 s (undici's default).
 */
export class Connection {
  readonly #access: ClusterAccess;
  readonly #clock: Clock;
  #pools: Record<Purpose, Agent> | undefined;
  #credentials: Credentials | undefined;
  #readAgainAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(access: ClusterAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
  }

  get origin(): string {
    return this.#access.server.origin;
  }

  get host(): string {
    return this.#access.server.host;
  }

  /** The path under which the server's API is, without a final slash. */
  get basePath(): string {
    return this.#access.server.pathname.replace(/\/$/, '');
  }

  /**
   * The pool and the headers of the next request for this purpose.
   * @throws ClusterAccessError where there are no credentials that could be used
   */
  async use(purpose: Purpose): Promise<{ dispatcher: Dispatcher; headers: Record<string, string> }> {
    if (this.#clock.monotonic() >= this.#readAgainAt) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
    return { dispatcher: this.#pools![purpose], headers: this.#credentials!.headers };
  }

  /** Makes the next request read the credentials again: the API server refused these. */
  refuse(): void {
    this.#readAgainAt = Number.NEGATIVE_INFINITY;
  }

  /** Ends every connection, also those of requests under way. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#pools ?? {}).map((pool) => pool.destroy()));
  }

  /** How connections are made. */
  protected connector(options: buildConnector.BuildOptions): buildConnector.BuildOptions | buildConnector.connector {
    return options;
  }

  async #read(): Promise<void> {
    let next: Credentials;
    try {
      next = await this.#access.credentials();
    } catch (error) {
      // The file may be in the middle of a replacement. The known credentials may still be valid: let the API server
      // decide.
      if (!this.#credentials) throw error;
      this.#readAgainAt = this.#clock.monotonic() + unreadableMs;
      return;
    }
    if (!this.#pools || !sameTls(this.#credentials!.tls, next.tls)) {
      const old = Object.values(this.#pools ?? {});
      const connect = this.connector({
        ...next.tls,
        timeout: connectTimeoutMs,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveMs,
      });
      this.#pools = {
        request: new Agent({ connections: maxConnections, allowH2, connect }),
        watch: new Agent({ connections: null, allowH2, connect }),
      };
      // Not awaited: a watch may last for minutes.
      for (const pool of old) pool.close().catch(() => {});
    }
    this.#credentials = next;
    this.#readAgainAt = this.#clock.monotonic() + credentialsTtlMs;
  }
}

function sameTls(a: Credentials['tls'], b: Credentials['tls']): boolean {
  return (['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'] as const).every(
    (part) => String(a[part]) === String(b[part]),
  );
}
