import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Assignment } from '../src/protocol/assignment.ts';
import { parseHostPort } from '../src/protocol/host-port.ts';
import type { Report } from '../src/protocol/report.ts';
import type { Settings } from '../src/protocol/settings.ts';
import {
  decodeSyncAnswer,
  encodeSyncRequest,
  type Held,
  holdMs,
  maxAnswerBytes,
  type SyncAnswer,
  settingsDigest,
  syncPath,
} from '../src/protocol/sync.ts';
import { simulatedProbes } from './simulated-probes.ts';
import type { Turns } from './turns.ts';

/** Which operator to call. */
export interface OperatorAccess {
  /** `ip:port`. */
  address: string;
  serverName: string;
  ca: string;
}

/** What an agent has sent and received so far. */
export interface Traffic {
  exchanges: number;
  /** Exchanges that came to nothing. */
  failures: number;
  /** Of requests and answers, without headers. */
  bodyBytes: number;
  /** Of its connections, with headers, tokens and TLS, without the headers of TCP and IP. */
  wireBytes: number;
  /** How many assignments it was given. */
  assignments: number;
}

export interface SimulatedAgentOptions {
  access: OperatorAccess;
  token: string;
  /** For the handshakes of all agents of the process. */
  handshakes: Turns;
  /** Tells its stream of reports from others. */
  name: string;
  random: () => number;
}

/** As the agent: until a request is given up, and between attempts, in milliseconds. */
const deadlineMs = holdMs + 10_000;
const firstRetryMs = 100;
const longestRetryMs = 5000;
const reconnectWithinMs = 2000;
const handshakeMs = 10_000;

/**
 * An agent as the operator sees it: a TLS connection of its own, its pod's token, reports as long as real ones. What it does besides is only what
 * docs/protocol.md asks for, so that thousands of them fit into a process.
 */
export class SimulatedAgent {
  settings: Settings | undefined;
  assignment: Assignment | undefined;
  /** When it first said that it holds settings and an assignment, and when it last said that it holds others than before; in milliseconds since the epoch. */
  configuredAt: number | undefined;
  changedAt: number | undefined;
  /** The last failure, for who wants to know why there are any. */
  failure: string | undefined;
  readonly #options: SimulatedAgentOptions;
  readonly #end = new AbortController();
  readonly #connection: Connection;
  readonly #traffic = { exchanges: 0, failures: 0, bodyBytes: 0, assignments: 0 };
  #heldSettings: Held['settings'];
  /** Until when its probes have been reported. */
  #reportedUntil = Date.now();
  #sequence = 0;
  #unacknowledged: Report | undefined;

  constructor(options: SimulatedAgentOptions) {
    this.#options = options;
    this.#connection = new Connection(options.access, options.handshakes);
  }

  get traffic(): Traffic {
    return { ...this.#traffic, wireBytes: this.#connection.wireBytes };
  }

  /** Calls the operator until it is stopped. */
  async run(): Promise<void> {
    const { random } = this.#options;
    const { signal } = this.#end;
    let failed = 0;
    // So do agents whose operator is gone.
    await sleep(reconnectWithinMs * random(), undefined, { signal }).catch(() => {});
    while (!signal.aborted) {
      const { configuredAt, changedAt } = this;
      try {
        await this.#exchange();
        failed = 0;
      } catch (error) {
        if (signal.aborted) break;
        // Nobody was told, as far as anybody knows.
        this.configuredAt = configuredAt;
        this.changedAt = changedAt;
        this.#traffic.failures++;
        this.failure = (error as Error).message;
        const longest = failed === 0 ? reconnectWithinMs : Math.min(longestRetryMs, firstRetryMs * 2 ** failed);
        failed++;
        await sleep(longest * random(), undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Ends it with its connection. */
  stop(): void {
    this.#end.abort();
    this.#connection.destroy();
  }

  async #exchange(): Promise<void> {
    const report = this.#report();
    const body = encodeSyncRequest({ version: 1, held: this.#held(), ...(report && { report }) });
    await this.#connection.open(this.#end.signal);
    const exchange = this.#connection.post(body, this.#options.token, this.#end.signal);
    this.#told();
    const answer = await exchange;
    this.#traffic.exchanges++;
    this.#traffic.bodyBytes += Buffer.byteLength(body) + Buffer.byteLength(answer);
    this.#take(decodeSyncAnswer(answer));
  }

  /** Now the operator is being told what is held. */
  #told(): void {
    if (!this.settings || !this.assignment) return;
    const now = performance.timeOrigin + performance.now();
    this.configuredAt ??= now;
    this.changedAt ??= now;
  }

  #take({ acknowledged, settings, settingsDigest: digest, assignment }: SyncAnswer): void {
    if (acknowledged?.stream === this.#options.name && acknowledged.sequence === this.#unacknowledged?.sequence)
      this.#unacknowledged = undefined;
    if (settings) {
      this.settings = settings;
      const { uid, generation } = settings.resource;
      this.#heldSettings = { uid, generation, digest: digest ?? settingsDigest(settings) };
    }
    if (assignment) {
      this.assignment = assignment;
      this.#traffic.assignments++;
    }
    if (settings || assignment) this.changedAt = undefined;
  }

  #held(): Held {
    const { assignment } = this;
    return {
      ...(this.#heldSettings && { settings: this.#heldSettings }),
      ...(assignment && {
        assignment: { uid: assignment.uid, epoch: assignment.epoch, revision: assignment.revision },
      }),
    };
  }

  #report(): Report | undefined {
    if (this.#unacknowledged || !this.settings) return this.#unacknowledged;
    const [from, to] = [this.#reportedUntil, Date.now()];
    const targets = simulatedProbes(this.settings, this.assignment, [from, to], this.#options.random);
    if (targets.length === 0) return undefined;
    this.#reportedUntil = to;
    this.#unacknowledged = { stream: this.#options.name, sequence: ++this.#sequence, spanMs: to - from, targets };
    return this.#unacknowledged;
  }
}

/** One connection to the operator at a time, made when it is needed, whose bytes are counted. */
class Connection {
  readonly #access: OperatorAccess;
  readonly #handshakes: Turns;
  readonly #agent: CountingAgent;

  constructor(access: OperatorAccess, handshakes: Turns) {
    this.#access = access;
    this.#handshakes = handshakes;
    this.#agent = new CountingAgent({ keepAlive: true, maxSockets: 1 });
  }

  get wireBytes(): number {
    return this.#agent.wireBytes;
  }

  /** Makes a connection unless there is one. @throws Error why there is none */
  async open(signal: AbortSignal): Promise<void> {
    if (this.#agent.isConnected) return;
    await this.#handshakes.begin();
    try {
      signal.throwIfAborted();
      const { address, serverName, ca } = this.#access;
      await this.#agent.connect({ ...parseHostPort(address)!, servername: serverName, ca, minVersion: 'TLSv1.3' });
    } finally {
      this.#handshakes.end();
    }
  }

  /** @returns the answer's body. @throws Error unless the answer is a success, in time and not too large */
  async post(body: string, token: string, signal: AbortSignal): Promise<string> {
    const timeout = AbortSignal.timeout(deadlineMs);
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const sent = request({
      ...{ agent: this.#agent, ...parseHostPort(this.#access.address), path: syncPath, method: 'POST', headers },
      signal: AbortSignal.any([signal, timeout]),
    });
    sent.end(body);
    const [response] = await once(sent, 'response');
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response) {
      size += chunk.length;
      if (size > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (response.statusCode !== 200) throw new Error(`the operator answers ${response.statusCode}: ${text}`);
    return text;
  }

  destroy(): void {
    this.#agent.destroy();
  }
}

/** Has one connection, made beforehand, and counts what goes over it below TLS. */
class CountingAgent extends Agent {
  #tcp: Socket | undefined;
  #tls: TLSSocket | undefined;
  #before = 0;

  get wireBytes(): number {
    return this.#before + (this.#tcp ? this.#tcp.bytesRead + this.#tcp.bytesWritten : 0);
  }

  get isConnected(): boolean {
    return this.#tls !== undefined && !this.#tls.destroyed && this.#tls.writable;
  }

  /** @throws Error where there is no connection, or not in time */
  async connect(options: { host: string; port: number } & ConnectionOptions): Promise<void> {
    this.#before = this.wireBytes;
    this.#tcp = connectTcp({ host: options.host, port: options.port, noDelay: true });
    const tls = connectTls({ ...options, socket: this.#tcp });
    this.#tls = tls;
    try {
      await once(tls, 'secureConnect', { signal: AbortSignal.timeout(handshakeMs) });
      // Whoever sends a request on it hears of it.
      tls.on('error', () => {});
    } catch (error) {
      tls.destroy();
      throw error;
    }
  }

  override createConnection(): Duplex {
    return this.#tls!;
  }

  override destroy(): void {
    this.#tls?.destroy();
    super.destroy();
  }
}
