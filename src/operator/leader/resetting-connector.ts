import { connect as connectTcp, type Socket } from 'node:net';
import { buildConnector } from 'undici';

const httpsPort = 443;

/**
 * Connects as undici does, but a connection that ends with an error ends by a TCP reset. An orderly end would leave the
 * rest of a request in the kernel, which keeps retransmitting it: once a network partition heals, the API server would
 * carry out a write of a former leader.
 */
export function resettingConnector(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector(options);
  return (target, callback) => {
    // A TLSSocket that makes its own TCP connection cannot reset it.
    const tcp = target.protocol === 'https:' ? tcpTo(target) : undefined;
    const connected: buildConnector.Callback = (error, socket) => {
      if (error) return callback(error, null);
      resetOnError(socket, tcp ?? socket);
      return callback(null, socket);
    };
    connect(tcp ? { ...target, httpSocket: tcp } : target, connected);
  };
}

function tcpTo({ hostname, port }: buildConnector.Options): Socket {
  return connectTcp({ host: hostname, port: Number(port) || httpsPort });
}

/**
 * `resetAndDestroy` first completes what is to be written, which in a partition never ends. The flag that it sets makes
 * `destroy` reset; it is not documented, so a test checks the effect.
 */
function resetOnError(socket: Socket, tcp: Socket): void {
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error) => {
    if (error) Object.assign(tcp, { resetAndClosing: true });
    return destroy(error);
  };
}
