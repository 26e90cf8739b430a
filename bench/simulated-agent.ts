import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { parseHostPort } from '../src/base/host-port.ts';
import type { Assignment } from '../src/protocol/assignment.ts';
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
  /** Tells its stream of reports from others. */
  name: string;
  random: () => number;
}

/** As the agent: until a request is given up, between attempts, and until a handshake is given up, in milliseconds. */
const deadlineMs = holdMs + 10_000;
const firstRetryMs = 100;
const longestRetryMs = 5000;
const reconnectWithinMs = 2000;
const handshakeMs = 5000;

/**
 * An agent as the operator sees it: a TLS connection of its own, its pod's token, reports as long as real ones. What it
 * does besides is only what docs/protocol.md asks for, so that thousands of them fit into a process.
 */
export class SimulatedAgent {
  settings: Settings | undefined;
  assignment: Assignment | undefined;
  /** A name that does not exist; undefined: all do. */
  deadHost: string | undefined;
  /**
   * When it first said that it holds settings and an assignment, and when it last said that it holds others than
   * before; in milliseconds since the epoch.
   */
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
    this.#connection = new Connection(options.access);
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
    await this.#connection.open();
    const exchange = this.#connection.post(body, this.#options.token);
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
    const { settings, assignment, deadHost } = this;
    const targets = simulatedProbes(settings, assignment, [from, to], this.#options.random, deadHost);
    if (targets.length === 0) return undefined;
    this.#reportedUntil = to;
    this.#unacknowledged = { stream: this.#options.name, sequence: ++this.#sequence, spanMs: to - from, targets };
    return this.#unacknowledged;
  }
}

/** How answers begin, up to the empty line: their status, and how long the body is, which every answer says. */
const headEnd = Buffer.from('\r\n\r\n');
const statusLine = /^HTTP\/1\.1 (\d{3}) /;
const contentLength = /^content-length: *(\d+)$/im;
const maxHeadBytes = 8192;

let loopbackAddresses = 0;

/** One after another from 127.64.0.1 on; Linux has all of 127.0.0.0/8. */
function nextLoopbackAddress(): string {
  const number = ++loopbackAddresses;
  return `127.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`;
}

/**
 * One connection to the operator at a time, made when it is needed, whose bytes are counted. No more of HTTP than the
 * operator's answers take: a client for everything would use more of the processor than the operator does, and the
 * agents share one.
 */
class Connection {
  readonly #access: OperatorAccess;
  /** On loopback each has an address of its own, as pods do: the operator limits the clients of one address. */
  readonly #localAddress: string | undefined;
  #tcp: Socket | undefined;
  #tls: TLSSocket | undefined;
  #wireBytesBefore = 0;
  #received: Buffer = Buffer.alloc(0);
  /** Who waits for the answer. */
  #waiting: PromiseWithResolvers<string> | undefined;

  constructor(access: OperatorAccess) {
    this.#access = access;
    if (access.address.startsWith('127.')) this.#localAddress = nextLoopbackAddress();
  }

  get wireBytes(): number {
    return this.#wireBytesBefore + (this.#tcp ? this.#tcp.bytesRead + this.#tcp.bytesWritten : 0);
  }

  /** Makes a connection unless there is one. @throws Error why there is none */
  async open(): Promise<void> {
    if (!this.#tls || this.#tls.destroyed || !this.#tls.writable) await this.#connect();
  }

  /** @returns the answer's body. @throws Error unless the answer is a success, in time and not too large */
  post(body: string, token: string): Promise<string> {
    const waiting = Promise.withResolvers<string>();
    this.#waiting = waiting;
    const late = setTimeout(() => this.#failed(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
    const { address } = this.#access;
    const head = [
      `POST ${syncPath} HTTP/1.1`,
      `host: ${address}`,
      `authorization: Bearer ${token}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
    ];
    this.#tls!.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    return waiting.promise.finally(() => clearTimeout(late));
  }

  destroy(): void {
    this.#failed(new Error('the agent is stopped'));
  }

  async #connect(): Promise<void> {
    const { address, serverName, ca } = this.#access;
    const options = parseHostPort(address)!;
    this.#wireBytesBefore = this.wireBytes;
    this.#received = Buffer.alloc(0);
    const localAddress = this.#localAddress;
    this.#tcp = connectTcp({ ...options, noDelay: true, ...(localAddress !== undefined && { localAddress }) });
    const tls = connectTls({ socket: this.#tcp, servername: serverName, ca, minVersion: 'TLSv1.3' });
    this.#tls = tls;
    try {
      await once(tls, 'secureConnect', { signal: AbortSignal.timeout(handshakeMs) });
    } catch (error) {
      tls.destroy();
      throw error;
    }
    tls.on('error', (error) => this.#failed(error));
    tls.on('close', () => tls === this.#tls && this.#failed(new Error('the operator ended the connection')));
    tls.on('data', (data: Buffer) => this.#take(data));
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    const end = this.#received.indexOf(headEnd);
    if (end < 0 && this.#received.length <= maxHeadBytes) return;
    const head = this.#received.toString('latin1', 0, Math.max(0, end));
    const status = statusLine.exec(head)?.[1];
    const length = Number(contentLength.exec(head)?.[1]);
    if (status === undefined || !(length <= maxAnswerBytes)) {
      this.#failed(new Error('what the operator sent is no answer that says how long it is, or too long'));
      return;
    }
    const from = end + headEnd.length;
    if (this.#received.length < from + length) return;
    const text = this.#received.toString('utf8', from, from + length);
    this.#received = this.#received.subarray(from + length);
    if (status === '200') this.#waiting?.resolve(text);
    else this.#failed(new Error(`the operator answers ${status}: ${text}`));
  }

  /** Nothing more comes on this connection. */
  #failed(error: Error): void {
    this.#tls?.destroy();
    this.#waiting?.reject(error);
  }
}
