import { isIP } from 'node:net';
import { Agent, request } from 'undici';
import { type Clock, pause } from '../../../base/clock.ts';
import { formatHostPort } from '../../../base/host-port.ts';
import { passedOnHeader } from '../../../contract/api/routes.ts';
import { readBounded } from '../../kube/bounded-body.ts';

/** How long the leader may take, in milliseconds. */
const timeoutMs = 5000;
const connectTimeoutMs = 1000;

/** Connections to the leader. */
const maxConnections = 8;

/** The largest answer is a page of a list. */
const maxBodyBytes = 4 << 20;

/** An answer of the leader. */
export interface LeaderAnswer {
  status: number;
  type: string | undefined;
  etag: string | undefined;
  retryAfter: string | undefined;
  body: string;
}

/** Passes requests on to the leader. */
export class LeaderProxy {
  readonly #clock: Clock;
  readonly #agent = new Agent({ connections: maxConnections, connect: { timeout: connectTimeoutMs } });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Asks the leader.
   * @param address of its pod
   * @param path with the query
   * @throws whatever keeps the leader from answering
   */
  async get(address: string, port: number, path: string, etag: string | undefined): Promise<LeaderAnswer> {
    if (isIP(address) === 0) throw new TypeError(`"${address}" is not an address`);
    const late = new AbortController();
    const done = new AbortController();
    void pause(this.#clock, timeoutMs, done.signal).then(() => late.abort(new Error('the leader does not answer')));
    try {
      const { statusCode, headers, body } = await request(`http://${formatHostPort(address, port)}${path}`, {
        dispatcher: this.#agent,
        headers: { [passedOnHeader]: '1', ...(etag !== undefined && { 'if-none-match': etag }) },
        signal: late.signal,
      });
      const header = (name: string) => [headers[name]].flat()[0];
      return {
        status: statusCode,
        type: header('content-type'),
        etag: header('etag'),
        retryAfter: header('retry-after'),
        body: await readBounded(body, maxBodyBytes),
      };
    } finally {
      done.abort();
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
