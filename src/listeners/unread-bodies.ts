import type { ServerResponse } from 'node:http';

/**
 * The bodies that clients have not read as a whole, oldest first. A response keeps its whole body in memory until the
 * client has read the last byte, so clients that read nothing would keep as many bodies as they have connections.
 */
export class UnreadBodies {
  readonly #maxBytes: number;
  readonly #ended: () => void;
  readonly #responses = new Map<Buffer, Set<ServerResponse>>();

  /** @param ended called for each connection that is ended */
  constructor(maxBytes: number, ended: () => void) {
    this.#maxBytes = maxBytes;
    this.#ended = ended;
  }

  /** Their length in all. */
  get bytes(): number {
    let bytes = 0;
    for (const body of this.#responses.keys()) bytes += body.length;
    return bytes;
  }

  /** The body is about to be sent: it counts until the response has been sent or its connection has ended. */
  add(body: Buffer, response: ServerResponse): void {
    // It may have been closed while the body was made, and closes only once.
    if (response.closed) return;
    const responses = this.#responses.get(body) ?? new Set();
    this.#responses.set(body, responses.add(response));
    response.once('close', () => {
      responses.delete(response);
      if (responses.size === 0) this.#responses.delete(body);
    });
  }

  /**
   * Ends the connections with the oldest bodies until the others fit. The newest body is kept whatever its length, so
   * that a client has at least until the next but one exposition.
   */
  limit(): void {
    let excess = this.bytes - this.#maxBytes;
    for (const [body, responses] of this.#responses) {
      if (excess <= 0 || this.#responses.size === 1) return;
      this.#responses.delete(body);
      excess -= body.length;
      for (const { socket } of responses) {
        this.#ended();
        // Reset: the kernel would keep what it has not sent yet until the client reads it.
        socket?.resetAndDestroy();
      }
    }
  }
}
