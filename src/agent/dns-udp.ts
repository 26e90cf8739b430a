import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { afterDelay, secondsSince } from './delay.ts';
import type { AskDns, DnsExchange } from './dns-exchange.ts';
import { encodeQuery, judgeMessage } from './dns-message.ts';
import type { Kernel } from './kernel.ts';
import { socketFailure } from './socket-failure.ts';

/**
 * Asks over UDP (RFC 1035 §4.2.1) from a random source port. The socket is connected, so that only the server's own address and port are
 * heard. Messages that are not the answer are passed over; when time is up and there were such, the verdict is `malformed`, not `timeout`:
 * the server spoke, but did not answer.
 */
export const askOverUdp: AskDns = ({ host, port }, query, { timeoutMs, signal, kernel }) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { socket, fd } = openSocket(host, kernel);
    let startedAt = process.hrtime.bigint();
    let sentAt: bigint | undefined;
    let passedOver = 0;

    const end = (settle: () => void) => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners().on('error', () => {});
      socket.close();
      settle();
    };
    const give = (verdict: DnsExchange['verdict'], seconds: number, timing: DnsExchange['timing']) =>
      end(() => resolve({ verdict, seconds, timing, retransmits: 0 }));
    const giveUp = (verdict: DnsExchange['verdict']) =>
      give(verdict, secondsSince(startedAt), kernel ? 'kernel' : 'clock');
    const onAbort = () => end(() => reject(signal.reason));
    const onError = (error: Error) => {
      const failure = socketFailure(error);
      if (failure === undefined) end(() => reject(error));
      else giveUp(failure === 'reset' ? 'refused' : failure);
    };
    const cancelTimeout = afterDelay(timeoutMs, () => giveUp(passedOver > 0 ? 'malformed' : 'timeout'));
    signal.addEventListener('abort', onAbort, { once: true });

    socket.on('error', onError);
    socket.on('message', (message, { address, port: from }) => {
      const elapsed = secondsSince(startedAt);
      const receivedAt = sentAt === undefined ? undefined : kernel?.receivedAt(fd!);
      // Without the kernel's help the socket has a port for a moment before it is connected.
      const remote = socket.remoteAddress();
      if (address !== remote.address || from !== remote.port) return;
      const verdict = judgeMessage(message, query);
      if (verdict === undefined) {
        passedOver++;
        return;
      }
      const stamped = receivedAt === undefined ? undefined : Number(receivedAt - sentAt!) / 1e9;
      const seconds = kernel?.believe(stamped, elapsed);
      if (seconds === undefined) give(verdict, elapsed, 'clock');
      else give(verdict, seconds, 'kernel');
    });
    socket.once('connect', () => {
      const message = encodeQuery(query);
      startedAt = process.hrtime.bigint();
      if (!kernel) {
        socket.send(message);
        return;
      }
      try {
        sentAt = kernel.send(fd!, message);
      } catch (error) {
        onError(error as Error);
      }
    });
    socket.connect(port, host);
  });

/** @throws RangeError when `host` is no address, the system's error when no socket can be had */
function openSocket(host: string, kernel: Kernel | undefined): { socket: Socket; fd?: number } {
  const family = isIP(host);
  if (family !== 4 && family !== 6) throw new RangeError(`"${host}" is not an IP address`);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  if (!kernel) return { socket };
  let fd: number | undefined;
  try {
    fd = kernel.openUdpSocket(family);
    // From here on the descriptor is the socket's, which closes it.
    socket.bind({ fd, exclusive: true });
    return { socket, fd };
  } catch (error) {
    if (fd !== undefined) kernel.closeSocket(fd);
    socket.close();
    throw error;
  }
}
