import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { OperatorAccess } from '../../../bench/simulated-agent.ts';
import { createAuthority, issueServing } from '../../../src/operator/sync/tls/certificate-authority.ts';
import {
  decodeSyncRequest,
  encodeSyncAnswer,
  type SyncAnswer,
  type SyncRequest,
  syncPath,
  syncServerName,
} from '../../../src/protocol/sync.ts';

/** A request as it came. */
export interface Received {
  token: string | undefined;
  request: SyncRequest;
  /** The port that tells connections apart. */
  connection: number;
}

/** An operator of a few lines, by TLS. */
export class TestSyncServer {
  readonly received: Received[] = [];
  readonly access: OperatorAccess;
  readonly #server: Server;

  private constructor(server: Server, ca: string) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.access = { address: `127.0.0.1:${port}`, serverName: syncServerName, ca };
  }

  /** @param answer to a request; undefined: 503. A promise holds it */
  static async start(
    answer: (received: Received) => SyncAnswer | undefined | Promise<SyncAnswer | undefined>,
  ): Promise<TestSyncServer> {
    const now = Date.now();
    const authority = await createAuthority(now);
    const { certificate, key } = await issueServing(authority, syncServerName, now);
    const options = { cert: certificate, key, minVersion: 'TLSv1.3' as const };
    const server = createServer(options, async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const received = {
        token: request.headers.authorization,
        request: decodeSyncRequest(Buffer.concat(chunks).toString('utf8')),
        connection: request.socket.remotePort!,
      };
      started.received.push(received);
      const answered = request.method === 'POST' && request.url === syncPath ? await answer(received) : undefined;
      const body = answered ? encodeSyncAnswer(answered) : '';
      response.writeHead(answered ? 200 : 503, { 'content-length': Buffer.byteLength(body) }).end(body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const started = new TestSyncServer(server, authority.certificate);
    return started;
  }

  /** Ends every connection and answers no more. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
