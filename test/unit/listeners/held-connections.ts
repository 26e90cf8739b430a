import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';

/** Any address of 127.0.0.0/8 is this machine's. */
export const loopback = (host: number) => `127.0.0.${host}`;

/** Opens connections from an address, and sends something on each. */
export async function openConnections(
  port: number,
  from: string,
  count: number,
  text: string | Buffer = '',
): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: from }).on('error', () => {});
      await once(socket, 'connect');
      if (text.length > 0) socket.write(text);
      return socket;
    }),
  );
}

/** Opens so many connections from an address, and each again as soon as it ends. */
export class RenewedConnections {
  /** How many have been opened. */
  opened = 0;
  readonly #open = new Set<Socket>();
  #isEnding = false;

  constructor(port: number, from: string, count: number, text = '') {
    const renew = () => {
      if (this.#isEnding) return;
      this.opened++;
      const socket = connect({ port, host: '127.0.0.1', localAddress: from }, () => text !== '' && socket.write(text));
      this.#open.add(socket.resume());
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#open.delete(socket);
        setImmediate(renew);
      });
    };
    for (let n = 0; n < count; n++) renew();
  }

  [Symbol.dispose](): void {
    this.#isEnding = true;
    for (const socket of this.#open) socket.destroy();
  }
}

export interface Fetched {
  status: number;
  body: Buffer;
  /** Until the whole response was there, in seconds. */
  seconds: number;
}

/** Gets a path on a connection of its own. */
export async function fetchFrom(
  from: string,
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<Fetched> {
  const started = performance.now();
  const request = httpRequest({ host: '127.0.0.1', port, path, headers, localAddress: from, agent: false }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode!,
    body: Buffer.concat(chunks),
    seconds: (performance.now() - started) / 1000,
  };
}
