import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/**
 * Listens on all addresses. Rejects where that cannot be, with the error of the socket; the same server can be made to listen again.
 * @param port 0: any free one
 * @returns the port
 */
export async function listen(server: Server, port: number): Promise<number> {
  server.listen(port);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
