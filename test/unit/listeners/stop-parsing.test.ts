import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { GuardedHttpServer } from '../../../src/listeners/guarded-http-server.ts';
import { agentHttpLimits } from '../../../src/listeners/listener-limits.ts';
import { eventually } from '../agent/eventually.ts';
import { loopback, openConnections } from './held-connections.ts';

const request = 'GET / HTTP/1.1\r\nHost:a\r\n\r\n';

/** Counts the requests that Node's parser hands to any HTTP server of this process. */
function parsedRequests() {
  const parsed = { requests: 0, [Symbol.dispose]: () => unsubscribe('http.server.request.start', count) };
  const count = () => void parsed.requests++;
  subscribe('http.server.request.start', count);
  return parsed;
}

test('of 64 KiB of pipelined requests on each of 32 connections, two are parsed', async () => {
  using parsed = parsedRequests();
  let refused = 0;
  const server = new GuardedHttpServer({
    limits: agentHttpLimits,
    clock: systemClock,
    serve: async (_request, response) => void response.end('ok'),
    refused: () => void refused++,
  });
  const port = await server.listen(0);
  try {
    const text = request.repeat(Math.floor(65_536 / request.length));
    const sockets = await openConnections(port, loopback(2), 32, text);
    for (const socket of sockets) socket.resume();
    await eventually(
      () => refused >= 32 && server.connections === 0,
      () => `${refused} refused, ${server.connections} connections`,
    );
    assert.deepEqual([parsed.requests, refused], [64, 32]);
  } finally {
    server.closeAll();
  }
});
