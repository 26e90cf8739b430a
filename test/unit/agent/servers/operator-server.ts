import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { syncServerName } from '../../../../src/protocol/sync.ts';
import { type SyncAccess, syncAccessVersion } from '../../../../src/protocol/sync-access.ts';
import { CertificateAuthority, type CertificateFiles } from '../../../cluster/certificates.ts';
import type { TemporaryDirectory } from '../temporary-directory.ts';

/** An operator's own authority, with a certificate that it has issued. */
export interface Authority {
  /** PEM. */
  ca: string;
  /** @param hosts names and addresses in the certificate */
  issue(name: string, hosts: readonly string[]): Promise<CertificateFiles>;
}

/** Makes an authority. @param name a folder that is not there yet */
export async function newAuthority(directory: TemporaryDirectory, name: string): Promise<Authority> {
  const authority = new CertificateAuthority(directory.file(name));
  await authority.create();
  return {
    ca: readFileSync(authority.certificate, 'utf8'),
    issue: (certificate, hosts) => authority.issue(certificate, { commonName: certificate, hosts }),
  };
}

/** What an operator does with a request, whose body it has read. */
export type Answer = (request: IncomingMessage & { body: string }, response: ServerResponse) => void | Promise<void>;

/** A server where agents look for their operator. */
export class OperatorServer implements AsyncDisposable {
  readonly server: Server;
  /** How many connections there were, with or without a request. */
  connections = 0;
  readonly #open = new Set<Socket>();

  private constructor(server: Server) {
    this.server = server;
    server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
    server.on('tlsClientError', () => {});
  }

  static async start(files: CertificateFiles, answer: Answer, options: ServerOptions = {}): Promise<OperatorServer> {
    const keys = { cert: readFileSync(files.certificate), key: readFileSync(files.key) };
    const server = createServer({ minVersion: 'TLSv1.3', ...keys, ...options }, async (request, response) => {
      try {
        await answer(Object.assign(request, { body: await text(request) }), response);
      } catch {
        response.destroy();
      }
    });
    const operator = new OperatorServer(server);
    await listening(server);
    return operator;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** How an agent finds it. */
  access(ca: string, changes: Partial<SyncAccess> = {}): SyncAccess {
    return accessTo(this.port, ca, changes);
  }

  /** Cuts all connections, those in their handshake too. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** How an agent finds what listens on this port of 127.0.0.1. */
export function accessTo(port: number, ca: string, changes: Partial<SyncAccess> = {}): SyncAccess {
  return { version: syncAccessVersion, addresses: [`127.0.0.1:${port}`], serverName: syncServerName, ca, ...changes };
}

/** Listens on a free port of 127.0.0.1. @returns the port */
export async function listening(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
