import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** What Node's HTTP server calls for each request: 2 makes the parser leave the rest of the data, as for an upgrade. */
interface Parser {
  onIncoming(request: IncomingMessage, shouldKeepAlive: boolean): number;
}

/**
 * Makes Node's HTTP parser stop at the request for which the connection is destroyed. By default it parses everything
 * that arrived at once, up to 64 KiB: 2,400 requests, which take an agent 100 ms, and of 32 connections at once more
 * than its heap.
 * @param socket which the HTTP server has just accepted
 */
export function stopParsingOnceDestroyed(socket: Socket): void {
  const { parser } = socket as Socket & { parser?: Parser | null };
  if (!parser) return;
  const take = parser.onIncoming;
  parser.onIncoming = (request, shouldKeepAlive) => {
    const next = take(request, shouldKeepAlive);
    return socket.destroyed ? 2 : next;
  };
}
