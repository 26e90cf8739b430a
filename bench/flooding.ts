import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { encodeEchoRequest } from '../src/agent/echo/echo-message.ts';

/** What many clients ask that do not read, and one that says no more than that it is there. */
export const floodTexts = {
  idle: 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n',
  pipelined: 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(40),
  silent: '',
} as const;

export interface ConnectionFlood {
  host: string;
  port: number;
  /** The address it comes from: whichever there is unless told. */
  from?: string;
  /** Connections that are held, each of which is made again this many milliseconds after it was closed. */
  connections: number;
  againMs: number;
  text: string;
}

/** Floods a listener with connections until the process ends. @param opened called for each that was opened */
export function floodConnections(flood: ConnectionFlood, opened: () => void): void {
  const { host, port, from, connections, againMs, text } = flood;
  const open = () => {
    const socket = connect({ port, host, ...(from !== undefined && { localAddress: from }) }, () => {
      opened();
      // What is sent is answered, and not read.
      if (text !== '') socket.pause().write(text);
    });
    socket.on('error', () => {});
    socket.on('close', () => setTimeout(open, againMs));
    if (text === '') socket.resume();
    // Unread data hides that the server has closed the connection.
    else setTimeout(() => socket.destroy(), 2 * againMs + 1000);
  };
  for (let n = 0; n < connections; n++) setTimeout(open, (againMs * n) / connections);
}

export interface EchoFlood {
  host: string;
  port: number;
  /** As of a {@link ConnectionFlood}. */
  from?: string;
  perSecond: number;
}

const echoEveryMs = 5;
/** What a timer that ran late makes up for, in milliseconds: on a busy machine the rate stays what it is. */
const longestLagMs = 500;

/** Sends so many small echo requests a second until the process ends. @param sent called for each */
export function floodEcho({ host, port, from, perSecond }: EchoFlood, sent: () => void): void {
  const socket = createSocket('udp4');
  const prober = Buffer.from('flooder1');
  let turn = 0;
  let due = 0;
  let last = performance.now();
  // The ICMP errors of a closed port do not end the flood.
  socket.on('error', () => {});
  socket.bind(0, from, () => {
    setInterval(() => {
      const now = performance.now();
      due += (perSecond * Math.min(now - last, longestLagMs)) / 1000;
      last = now;
      for (; due >= 1; due--) {
        sent();
        socket.send(encodeEchoRequest({ sequence: 0, turn: ++turn, prober }, 32), port, host);
      }
    }, echoEveryMs);
  });
}
