import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { encodeEchoRequest } from '../src/agent/echo/echo-message.ts';
import type { FloodCounts, FloodTargets } from './floods.ts';
import { runHostileAgent } from './hostile-agent.ts';

/**
 * A program: floods the listeners that it is told, from addresses of loopback of which nobody else has one. Its rates
 * are bounded, since it shares the machine's processor with what it floods.
 */
const counts: FloodCounts = { connections: {}, packets: 0, hostileAnswers: {} };

const pipelined = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(40);
const idle = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';

interface ConnectionFlood {
  name: string;
  port: number;
  /** The last number of the address it comes from. */
  from: number;
  /** Connections that are held, each of which is made again this many milliseconds after it was closed. */
  connections: number;
  againMs: number;
  text: string;
}

function floodConnections({ name, port, from, connections, againMs, text }: ConnectionFlood): void {
  counts.connections[name] ??= 0;
  const open = () => {
    counts.connections[name]!++;
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${from}` }, () => {
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

/** Sends so many small echo requests a second. */
function floodEcho(port: number, perSecond: number): void {
  const socket = createSocket('udp4');
  const prober = Buffer.from('flooder1');
  socket.bind(0, '127.0.0.20', () => {
    setInterval(() => {
      for (let n = 0; n < perSecond / 200; n++) {
        const message = encodeEchoRequest({ sequence: 0, turn: BigInt(++counts.packets), prober }, 32);
        socket.send(message, port, '127.0.0.1');
      }
    }, 5);
  });
}

process.on('message', (message: FloodTargets | 'stop') => {
  if (message === 'stop') {
    process.send!(counts, () => process.exit());
    return;
  }
  const { operatorHttp, operatorSync, agent, access, token } = message;
  floodConnections({ name: 'sync', port: operatorSync, from: 2, connections: 3000, againMs: 2000, text: '' });
  for (const from of [3, 4, 5, 6])
    floodConnections({ name: 'sync, no TLS', port: operatorSync, from, connections: 50, againMs: 1000, text: idle });
  for (const [name, port] of [
    ['operator', operatorHttp],
    ['agent', agent],
  ] as const) {
    floodConnections({ name: `${name}, idle`, port, from: 7, connections: 256, againMs: 1000, text: '' });
    for (const from of [8, 9, 10, 11])
      floodConnections({ name: `${name}, idle`, port, from, connections: 64, againMs: 1000, text: idle });
    for (const from of [12, 13])
      floodConnections({ name: `${name}, pipelined`, port, from, connections: 50, againMs: 1000, text: pipelined });
  }
  floodEcho(agent, 4000);
  counts.hostileAnswers = runHostileAgent(access, token);
});
process.on('disconnect', () => process.exit());
