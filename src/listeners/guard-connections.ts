import type { Server, Socket } from 'node:net';
import type { ConnectionAdmission, ConnectionRefusal } from './connection-admission.ts';
import { limitedAddress } from './remote-address.ts';

export interface ConnectionGuard {
  /**
   * A connection is about to be closed: it was not admitted, or it had been idle longest (`idle`) when a new one needed
   * its place.
   */
  refused(reason: ConnectionRefusal | 'idle', socket: Socket): void;
  /**
   * A connection was admitted.
   * @param accept hands it to the server's own protocol; without it, the server knows nothing of the connection
   */
  admitted(socket: Socket, address: string, accept: () => void): void;
  /** A client has disconnected without having sent anything, as a dial that only measures the handshake does. */
  dialled?(): void;
}

/**
 * Admits connections before the server's own protocol sees them: a refused one costs neither a parser nor a handshake.
 * Refused connections are closed, not reset: a peer that dials only to measure the handshake must not see an error.
 */
export function guardConnections(server: Server, admission: ConnectionAdmission<Socket>, guard: ConnectionGuard): void {
  const listeners = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const ended = function (this: Socket): void {
    admission.release(this);
    if (this.bytesRead === 0) guard.dialled?.();
  };
  const close = (reason: ConnectionRefusal | 'idle', socket: Socket) => {
    guard.refused(reason, socket);
    socket.destroy();
  };
  server.on('connection', (socket: Socket) => {
    // The client has disconnected already.
    if (socket.remoteAddress === undefined) {
      guard.dialled?.();
      return void socket.destroy();
    }
    const address = limitedAddress(socket.remoteAddress);
    const admitted = admission.admit(socket, address);
    if (admitted.refused !== undefined) return close(admitted.refused, socket);
    if (admitted.displaced) close('idle', admitted.displaced);
    socket.on('close', ended);
    guard.admitted(socket, address, () => {
      for (const accept of listeners) accept.call(server, socket);
    });
  });
}
