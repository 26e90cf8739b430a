import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer as createHttpsServer, request as requestOf } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../soak/random.ts';
import { AnswerStream } from './answer-stream.ts';
import { type ApiRequest, apiRequest, isWrite } from './api-request.ts';
import {
  expiredLine,
  type Fault,
  type FaultRule,
  type Interruption,
  type Matching,
  matches,
  statusObject,
} from './fault.ts';
import { type LeaseSpec, type RecordedRequest, RequestRecord } from './request-record.ts';

export interface FaultProxyOptions {
  /** The API server. */
  upstream: { origin: string; authority: string | Buffer };
  /** What the proxy proves itself with. */
  certificate: { cert: string | Buffer; key: string | Buffer };
  /** Decides which requests a rule's share befalls. */
  random: Random;
}

/** Whether new connections get through, are refused, or are accepted and then left without a word. */
export type Reachability = 'open' | 'refusing' | 'silent';

const address = '127.0.0.1';

/**
 * Stands between operator processes and the API server, on loopback: passes requests and credentials on, keeps a
 * record, and does to requests, answers and connections what it is told. Each process comes by a path of its own,
 * `/NAME`.
 */
export class FaultProxy {
  readonly record = new RequestRecord();
  readonly #options: FaultProxyOptions;
  readonly #agent: Agent;
  readonly #https;
  readonly #sockets = new Set<Socket>();
  /** Of those, the ones that were accepted and left without a word. */
  readonly #silentSockets = new WeakSet<Socket>();
  /** Answers under way, with what was asked. */
  readonly #streams = new Map<AnswerStream, RecordedRequest>();
  /** Requests that are left without an answer. */
  readonly #unanswered = new Set<ServerResponse>();
  #front: Server | undefined;
  #port = 0;
  #rules: FaultRule[] = [];
  #reachability: Reachability = 'open';

  constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, ca: options.upstream.authority });
    this.#https = createHttpsServer({ ...options.certificate, requestTimeout: 0 }, (request, answer) =>
      this.#handle(request, answer).catch(() => answer.destroy()),
    );
    // A client that gives up in the middle of a handshake is no fault of ours.
    this.#https.on('tlsClientError', () => {});
  }

  /** Where the process of that name finds the API server. */
  url(who: string): string {
    return `https://${address}:${this.#port}/${who}`;
  }

  /** How many connections there are, those in silence included. */
  get connections(): number {
    return this.#sockets.size;
  }

  async listen(): Promise<void> {
    const front = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      front.once('error', reject);
      front.listen(this.#port, address, resolve);
    });
    this.#port = (front.address() as AddressInfo).port;
    this.#front = front;
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await this.#stopListening();
    this.#https.close();
    this.#agent.destroy();
  }

  /** Adds a fault; `end` takes it away again. */
  inflict(rule: FaultRule): { end: () => void } {
    this.#rules.push(rule);
    return { end: () => (this.#rules = this.#rules.filter((other) => other !== rule)) };
  }

  /** Does something to the watches that run. */
  interrupt(how: Interruption, matching: Matching = {}): void {
    for (const [stream, request] of this.#streams)
      if (request.verb === 'watch' && matches(request, matching)) stream.interrupt(how);
  }

  /** What new connections find. Where it is not `open`, those that exist end too. */
  async setReachability(reachability: Reachability): Promise<void> {
    this.#reachability = reachability;
    if (reachability === 'refusing') await this.#stopListening();
    else if (!this.#front) await this.listen();
    if (reachability === 'open') this.#dropSilentConnections();
    else this.#dropConnections();
  }

  /**
   * Ends every fault. Connections that were half-open break: as when the path is back and the other end knows nothing
   * of them.
   */
  async heal(): Promise<void> {
    this.#rules = [];
    await this.setReachability('open');
    for (const stream of this.#streams.keys()) stream.heal();
    for (const answer of this.#unanswered) answer.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.#reachability === 'silent') this.#silentSockets.add(socket);
    else this.#https.emit('connection', socket);
  }

  #dropSilentConnections(): void {
    for (const socket of this.#sockets) if (this.#silentSockets.has(socket)) socket.resetAndDestroy();
  }

  #dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #stopListening(): Promise<void> {
    const front = this.#front;
    this.#front = undefined;
    this.#dropConnections();
    if (front) await new Promise<void>((resolve) => front.close(() => resolve()));
  }

  async #handle(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const entry = recorded(request);
    this.record.add(entry);
    const fault = this.#draw(entry);
    entry.fault = fault?.kind;
    answer.on('error', () => {});
    answer.on('close', () => {
      entry.endedAt = Date.now();
      entry.answered = answer.writableFinished;
      entry.status = answer.headersSent ? answer.statusCode : undefined;
      this.#unanswered.delete(answer);
    });
    if (fault?.kind === 'status') return sendStatus(answer, fault);
    if (fault?.kind === 'expired')
      return void answer.writeHead(200, { 'content-type': 'application/json' }).end(expiredLine);
    if (fault?.kind === 'silent') return void this.#unanswered.add(answer);
    if (fault?.kind === 'delay') await sleep(fault.ms);
    if (answer.destroyed) return;
    await this.#pass(request, answer, entry, fault);
  }

  #draw(request: ApiRequest & { who: string }): Fault | undefined {
    return this.#rules.find(({ matching, share }) => matches(request, matching) && this.#options.random.chance(share))
      ?.fault;
  }

  /** Has the API server answer, and hands the answer on. */
  async #pass(
    request: IncomingMessage,
    answer: ServerResponse,
    entry: RecordedRequest,
    fault: Fault | undefined,
  ): Promise<void> {
    const upstream = this.#forward(request, entry.path);
    answer.on('close', () => upstream.destroy());
    const given = await new Promise<IncomingMessage>((resolve, reject) => {
      upstream.on('response', resolve);
      upstream.on('error', reject);
    });
    if (fault?.kind === 'lost-answer') {
      await noteLease(given, entry);
      answer.destroy();
      return;
    }
    const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...headers } = given.headers;
    answer.writeHead(given.statusCode ?? 502, headers);
    answer.flushHeaders();
    const stream = new AnswerStream(answer, fault);
    this.#streams.set(stream, entry);
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of given as AsyncIterable<Buffer>) {
        if (entry.resource === 'leases' && isWrite(entry)) chunks.push(chunk);
        await stream.forward(chunk);
      }
      entry.lease = leaseOf(given, chunks);
      stream.end();
    } catch {
      // The API server broke off, and so does the proxy.
      stream.break();
    } finally {
      if (!stream.isSilent) this.#streams.delete(stream);
      else answer.once('close', () => this.#streams.delete(stream));
    }
  }

  #forward(request: IncomingMessage, path: string) {
    const { host: _, connection: __, ...headers } = request.headers;
    const target = new URL(path, this.#options.upstream.origin);
    const upstream = requestOf(target, { method: request.method ?? 'GET', headers, agent: this.#agent });
    request.on('error', () => upstream.destroy());
    request.pipe(upstream);
    return upstream;
  }
}

function recorded(request: IncomingMessage): RecordedRequest {
  const method = request.method ?? 'GET';
  const [, who = '', path = '/'] = /^\/([^/]*)(\/.*)?$/.exec(request.url ?? '') ?? [];
  return {
    ...apiRequest(method, path),
    who,
    method,
    path,
    userAgent: request.headers['user-agent'] ?? '',
    startedAt: Date.now(),
    endedAt: undefined,
    status: undefined,
    answered: false,
    fault: undefined,
    lease: undefined,
  };
}

function sendStatus(answer: ServerResponse, { status, retryAfterSeconds }: Fault & { kind: 'status' }): void {
  answer.writeHead(status, {
    'content-type': 'application/json',
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
  });
  answer.end(JSON.stringify(statusObject(status)));
}

/** Reads an answer that nobody else reads. */
async function noteLease(given: IncomingMessage, entry: RecordedRequest): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of given as AsyncIterable<Buffer>) chunks.push(chunk);
  if (entry.resource === 'leases') entry.lease = leaseOf(given, chunks);
}

function leaseOf(given: IncomingMessage, chunks: Buffer[]): LeaseSpec | undefined {
  if (chunks.length === 0 || (given.statusCode ?? 500) >= 300) return undefined;
  return (JSON.parse(Buffer.concat(chunks).toString('utf8')) as { spec?: LeaseSpec }).spec;
}
