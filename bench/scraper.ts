import { Agent, get, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { Metrics } from '../test/e2e/metrics.ts';

/** One scrape. */
export interface Scrape {
  metrics: Metrics;
  series: number;
  gzipBytes: number;
  /** Middle of the scrape, in seconds since the epoch: about when the agent rendered it. */
  at: number;
  /** The client's port. */
  localPort: number;
}

/** How long a scrape may take, in milliseconds: Prometheus's own default. */
const timeoutMs = 10_000;

/** Scrapes one agent as Prometheus does: compressed, on a connection that is kept. */
export class Scraper {
  readonly #url: string;
  readonly #connection = new Agent({ keepAlive: true, maxSockets: 1 });

  /** @param host `ip:port` */
  constructor(host: string) {
    this.#url = `http://${host}/metrics`;
  }

  /** @throws Error when the agent does not answer 200 with gzip in time */
  async scrape(): Promise<Scrape> {
    const startedAt = Date.now();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = { agent: this.#connection, headers: { 'Accept-Encoding': 'gzip' }, timeout: timeoutMs };
    const request = get(this.#url, options, resolve);
    request.on('error', reject).on('timeout', () => request.destroy(new Error(`${this.#url} did not answer in time`)));
    const response = await promise;
    const localPort = response.socket.localPort ?? 0;
    const body = Buffer.concat(await response.toArray());
    const { statusCode, headers } = response;
    if (statusCode !== 200 || headers['content-encoding'] !== 'gzip')
      throw new Error(`${this.#url} answered ${statusCode} ${headers['content-encoding'] ?? 'not compressed'}`);
    const text = gunzipSync(body).toString('utf8');
    return {
      metrics: new Metrics(text),
      series: text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length,
      gzipBytes: body.length,
      at: (startedAt + Date.now()) / 2000,
      localPort,
    };
  }

  close(): void {
    this.#connection.destroy();
  }
}

/** Scrapes all at once. */
export async function scrapeAll(scrapers: readonly Scraper[]): Promise<Scrape[]> {
  return await Promise.all(scrapers.map((scraper) => scraper.scrape()));
}
