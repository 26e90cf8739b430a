import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';

/** What a server does to a request: `send` answers from the port that was asked. */
export type NtpBehaviour = (request: Buffer, send: (message: Uint8Array) => void, client: RemoteInfo) => void;

/** An NTP server on loopback that does as it is told. */
export interface NtpServer extends AsyncDisposable {
  host: string;
  port: number;
  /** What was asked, in order. */
  requests: { message: Buffer; port: number }[];
}

export async function startNtpServer(behaviour: NtpBehaviour, host = '127.0.0.1'): Promise<NtpServer> {
  let closed = false;
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const requests: NtpServer['requests'] = [];
  socket.on('message', (message, client) => {
    requests.push({ message, port: client.port });
    behaviour(
      message,
      (answer) => {
        if (!closed) socket.send(answer, client.port, client.address);
      },
      client,
    );
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  return {
    host,
    port: socket.address().port,
    requests,
    async [Symbol.asyncDispose]() {
      closed = true;
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** The fields of an answer (RFC 5905 §7.3), in the units of the wire unless said otherwise. */
export interface NtpFields {
  leap: number;
  version: number;
  mode: number;
  stratum: number;
  /** Exponent of 2. */
  precision: number;
  /** Seconds. */
  rootDelay: number;
  /** Seconds. */
  rootDispersion: number;
  /** Four characters. */
  reference: string;
  referenceTimestamp: bigint;
  origin: bigint;
  receive: bigint;
  transmit: bigint;
}

/**
 * The wire's timestamp for a time of the system's clock, in milliseconds since 1970. Written apart from the code under
 * test.
 */
export function timestampOf(milliseconds: number): bigint {
  const seconds = Math.floor(milliseconds / 1000);
  const fraction = Math.floor(((milliseconds - seconds * 1000) / 1000) * 2 ** 32);
  return ((BigInt(seconds) + 2_208_988_800n) % 2n ** 32n) * 2n ** 32n + BigInt(fraction);
}

/** This machine's clock with what a millisecond leaves out. */
export function nowMilliseconds(): number {
  return performance.timeOrigin + performance.now();
}

/** An answer as a synchronised server of stratum 2 gives it, with deviations. */
export function ntpAnswer(request: Buffer, deviation: Partial<NtpFields> = {}): Buffer {
  const now = timestampOf(nowMilliseconds());
  const fields: NtpFields = {
    leap: 0,
    version: 4,
    mode: 4,
    stratum: 2,
    precision: -20,
    rootDelay: 0.01,
    rootDispersion: 0.02,
    reference: '\x0a\x00\x00\x01',
    referenceTimestamp: now - 100n * 2n ** 32n,
    origin: request.readBigUInt64BE(40),
    receive: now,
    transmit: now,
    ...deviation,
  };
  const message = Buffer.alloc(48);
  message[0] = (fields.leap << 6) | (fields.version << 3) | fields.mode;
  message[1] = fields.stratum;
  message.writeInt8(fields.precision, 3);
  message.writeUInt32BE(Math.round(fields.rootDelay * 2 ** 16), 4);
  message.writeUInt32BE(Math.round(fields.rootDispersion * 2 ** 16), 8);
  message.write(fields.reference, 12, 4, 'latin1');
  message.writeBigUInt64BE(fields.referenceTimestamp, 16);
  message.writeBigUInt64BE(fields.origin, 24);
  message.writeBigUInt64BE(fields.receive, 32);
  message.writeBigUInt64BE(fields.transmit, 40);
  return message;
}

/** An answer of a server whose clock is ahead of this machine's by so many seconds. */
export function shiftedAnswer(request: Buffer, seconds: number): Buffer {
  const shifted = timestampOf(nowMilliseconds() + seconds * 1000);
  return ntpAnswer(request, { receive: shifted, transmit: shifted, referenceTimestamp: shifted });
}
