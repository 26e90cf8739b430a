import { Agent, request } from 'node:https';
import { parseHostPort } from '../src/base/host-port.ts';
import type { TargetReport } from '../src/protocol/report.ts';
import { encodeSyncRequest, syncPath, syncVersion } from '../src/protocol/sync.ts';
import type { OperatorAccess } from './simulated-agent.ts';

/** As many as fit into what the operator reads of a request. */
const targets = 270;
const bucketsPerTarget = 256;

/** A report of 250 kB whose targets have latencies in every bucket. */
export function hostileReport(stream: string, sequence: number): string {
  const latencies = Array.from({ length: bucketsPerTarget }, (_, index) => [index, 1] as [number, number]);
  const target = (index: number): TargetReport => ({
    ...{ probe: 'network', host: `10.0.${index >> 8}.${index & 255}:8000`, server: '', protocol: 'TCP', type: '' },
    ...{ node: '', zone: '', attempts: bucketsPerTarget, failures: {}, retransmits: 0, latencies },
  });
  return encodeSyncRequest({
    version: syncVersion,
    held: {},
    report: { stream, sequence, spanMs: 10_000, targets: Array.from({ length: targets }, (_, index) => target(index)) },
    // Such a request is answered at once, others are held.
    leaving: true,
  });
}

/**
 * Reports of 32 streams, two of each. Only one is encoded, in some 100 ms: the sender may have other things to
 * do in its process.
 */
function hostileReports(): string[] {
  const [stream, sequence] = ['hostile-stream', 4_242_424_242];
  const template = hostileReport(stream, sequence);
  return Array.from({ length: 64 }, (_, index) =>
    template.replace(stream, `hostile-${index >> 1}`).replace(String(sequence), String(index + 1)),
  );
}

/** How its requests were answered. */
export type HostileAnswers = Record<string, number>;

/** How many of its requests were accepted. */
export function acceptedReports(answers: HostileAnswers): number {
  return Object.entries(answers).reduce((sum, [answer, count]) => (/^2\d\d$/.test(answer) ? sum + count : sum), 0);
}

export interface HostileOptions {
  /** Milliseconds between an answer and the next request: none unless told. */
  pauseMs?: number;
  /** Ends it. */
  signal?: AbortSignal;
}

/**
 * An agent with a valid token that sends 250 kB as fast as it can, and does not care for what it is answered.
 * @returns what it has been answered so far, by HTTP status or error code
 */
export function runHostileAgent(
  access: OperatorAccess,
  token: string,
  { pauseMs = 0, signal }: HostileOptions = {},
): HostileAnswers {
  const { host, port } = parseHostPort(access.address)!;
  const answers: HostileAnswers = {};
  const count = (answer: string) => {
    answers[answer] = (answers[answer] ?? 0) + 1;
  };
  const bodies = hostileReports();
  const connections = new Agent({ keepAlive: true, maxSockets: 1 });
  signal?.addEventListener('abort', () => connections.destroy());
  const send = (turn: number) => {
    const body = bodies[turn % bodies.length]!;
    const sent = request({
      ...{ host, port, ca: access.ca, servername: access.serverName, agent: connections },
      ...{ method: 'POST', path: syncPath },
      headers: { authorization: `Bearer ${token}`, 'content-length': Buffer.byteLength(body) },
    });
    let isSettled = false;
    const next = (answer: string) => {
      if (isSettled) return;
      isSettled = true;
      count(answer);
      if (signal?.aborted) return;
      if (pauseMs > 0) setTimeout(send, pauseMs, turn + 1);
      else setImmediate(send, turn + 1);
    };
    sent.on('response', (response) => {
      response.resume().on('end', () => next(String(response.statusCode)));
      response.on('error', () => {}).on('close', () => next('broken off'));
    });
    sent.on('error', ({ code = 'error' }: NodeJS.ErrnoException) => next(code));
    sent.end(body);
  };
  send(0);
  return answers;
}
