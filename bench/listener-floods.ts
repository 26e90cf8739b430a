import type { Flood } from './flood-process.ts';
import { floodTexts } from './flooding.ts';
import type { OperatorAccess } from './simulated-agent.ts';

/** What is flooded, and with what. */
export interface FloodTargets {
  /** Ports of this machine. */
  operatorHttp: number;
  operatorSync: number;
  agent: number;
  /** The hostile agent. */
  access: OperatorAccess;
  token: string;
}

const host = '127.0.0.1';

/**
 * Floods of every listener from loopback addresses that nothing else uses, and a hostile agent. Their rates are
 * bounded, since they share the machine's processor with what they flood.
 */
export function listenerFloods({ operatorHttp, operatorSync, agent, access, token }: FloodTargets): Flood[] {
  const { idle, pipelined, silent } = floodTexts;
  const sync = connectionFloods('sync', operatorSync);
  const http = [
    ['operator', operatorHttp],
    ['agent', agent],
  ] as const;
  return [
    ...sync('', [2], { connections: 3000, againMs: 2000, text: silent }),
    ...sync(', no TLS', [3, 4, 5, 6], { connections: 50, againMs: 1000, text: idle }),
    ...http.flatMap(([name, port]) => {
      const of = connectionFloods(name, port);
      return [
        ...of(', idle', [7], { connections: 256, againMs: 1000, text: silent }),
        ...of(', idle', [8, 9, 10, 11], { connections: 64, againMs: 1000, text: idle }),
        ...of(', pipelined', [12, 13], { connections: 50, againMs: 1000, text: pipelined }),
      ];
    }),
    { kind: 'echo', host, port: agent, from: '127.0.0.20', perSecond: 4000 },
    { kind: 'reports', access, token, pauseMs: 0 },
  ];
}

/** Makes floods of one listener. Their sources are the last numbers of addresses. */
function connectionFloods(name: string, port: number) {
  return (
    what: string,
    sources: readonly number[],
    flood: { connections: number; againMs: number; text: string },
  ): Flood[] =>
    sources.map((source) => ({
      ...{ kind: 'connections', name: `${name}${what}`, host, port, from: `127.0.0.${source}`, ...flood },
    }));
}
