import { floodConnections, floodEcho, floodTexts } from './flooding.ts';
import type { FloodCounts, FloodTargets } from './floods.ts';
import { runHostileAgent } from './hostile-agent.ts';

/**
 * A program: floods the listeners that it is told, from addresses of loopback of which nobody else has one. Its rates
 * are bounded, since it shares the machine's processor with what it floods.
 */
const counts: FloodCounts = { connections: {}, packets: 0, hostileAnswers: {} };

interface NamedFlood {
  name: string;
  port: number;
  /** The last number of the address it comes from. */
  from: number;
  connections: number;
  againMs: number;
  text: string;
}

function flood({ name, from, ...rest }: NamedFlood): void {
  counts.connections[name] ??= 0;
  floodConnections({ ...rest, host: '127.0.0.1', from: `127.0.0.${from}` }, () => {
    counts.connections[name]!++;
  });
}

process.on('message', (message: FloodTargets | 'stop') => {
  if (message === 'stop') {
    process.send!(counts, () => process.exit());
    return;
  }
  const { idle, pipelined, silent } = floodTexts;
  const { operatorHttp, operatorSync, agent, access, token } = message;
  flood({ name: 'sync', port: operatorSync, from: 2, connections: 3000, againMs: 2000, text: silent });
  for (const from of [3, 4, 5, 6])
    flood({ name: 'sync, no TLS', port: operatorSync, from, connections: 50, againMs: 1000, text: idle });
  for (const [name, port] of [
    ['operator', operatorHttp],
    ['agent', agent],
  ] as const) {
    flood({ name: `${name}, idle`, port, from: 7, connections: 256, againMs: 1000, text: silent });
    for (const from of [8, 9, 10, 11])
      flood({ name: `${name}, idle`, port, from, connections: 64, againMs: 1000, text: idle });
    for (const from of [12, 13])
      flood({ name: `${name}, pipelined`, port, from, connections: 50, againMs: 1000, text: pipelined });
  }
  floodEcho({ host: '127.0.0.1', port: agent, from: '127.0.0.20', perSecond: 4000 }, () => {
    counts.packets++;
  });
  counts.hostileAnswers = runHostileAgent(access, token);
});
process.on('disconnect', () => process.exit());
