import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request } from 'node:https';
import { checkServerIdentity } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { afterDelay } from '../../base/delay.ts';
import { parseHostPort } from '../../base/host-port.ts';
import { holdMs, maxAnswerBytes, syncPath } from '../../protocol/sync.ts';
import type { SyncAccess } from '../../protocol/sync-access.ts';
import type { SyncTransport } from './sync-client.ts';
import { SyncError, type SyncFailure } from './sync-error.ts';

/** Timeouts, in milliseconds. */
export interface OperatorTimes {
  /** TCP connect. */
  dialMs: number;
  /** TCP connect and TLS handshake. */
  connectMs: number;
  /** Complete response. */
  answerMs: number;
}

/**
 * The connect timeout allows for one lost SYN, which is sent again after 1 s. The handshake timeout allows for an
 * operator that thousands of agents contact at once.
 */
const defaultTimes: OperatorTimes = { dialMs: 2000, connectMs: 5000, answerMs: holdMs + 10_000 };

/** Maximum size of the response headers, in bytes. */
const maxHeaderBytes = 8192;

/** Valid tokens: the alphabet of RFC 6750 §2.1, and a length far above that of any real token. */
const tokenPattern = /^[\w.~+/-]{1,16384}=*$/;

/**
 * One TLS 1.3 connection to the operator, kept open for the next request. The operator is authenticated by a
 * certificate of the authority and the name in the sync access; its address does not matter. The agent is authenticated
 * by its service account token, which the kubelet rotates.
 */
export class OperatorConnection implements SyncTransport {
  readonly #tokenFile: string;
  readonly #times: OperatorTimes;
  #httpsAgent: HttpsAgent | undefined;
  #access: SyncAccess | undefined;
  /** Number of failed requests. The next one uses the other address. */
  #failures = 0;

  constructor(tokenFile: string, times: OperatorTimes = defaultTimes) {
    this.#tokenFile = tokenFile;
    this.#times = times;
  }

  async post(access: SyncAccess, body: string, signal: AbortSignal): Promise<string> {
    const token = this.#token();
    const { addresses } = access;
    const { host, port } = parseHostPort(addresses[this.#failures % addresses.length]!)!;
    try {
      return await exchange({
        host,
        port,
        agent: this.#httpsAgentFor(access),
        token,
        body,
        signal,
        times: this.#times,
      });
    } catch (error) {
      this.#failures++;
      throw error;
    }
  }

  close(): void {
    this.#httpsAgent?.destroy();
    this.#httpsAgent = undefined;
  }

  /**
   * A changed access opens a new connection. Sessions are not resumed, so each connection is verified with the current
   * authority.
   */
  #httpsAgentFor(access: SyncAccess): HttpsAgent {
    if (!this.#httpsAgent || !isDeepStrictEqual(access, this.#access)) {
      this.close();
      this.#access = access;
      this.#httpsAgent = new HttpsAgent({
        keepAlive: true,
        maxFreeSockets: 1,
        maxCachedSessions: 0,
        minVersion: 'TLSv1.3',
        ca: access.ca,
        servername: access.serverName,
        rejectUnauthorized: true,
        checkServerIdentity: (_, certificate) => checkServerIdentity(access.serverName, certificate),
      });
    }
    return this.#httpsAgent;
  }

  #token(): string {
    let token: string;
    try {
      token = readFileSync(this.#tokenFile, 'utf8').trim();
    } catch (error) {
      throw new SyncError('credential', `cannot read the token file: ${(error as Error).message}`);
    }
    if (!tokenPattern.test(token))
      throw new SyncError('credential', `${this.#tokenFile} does not contain a service account token`);
    return token;
  }
}

interface Exchange {
  host: string;
  port: number;
  agent: HttpsAgent;
  token: string;
  body: string;
  signal: AbortSignal;
  times: OperatorTimes;
}

/** Settles only when the connection is free or closed. Otherwise the next request would find it in use. */
function exchange({ host, port, agent, token, body, signal, times }: Exchange): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sent = request({
    ...{ host, port, agent, signal, path: syncPath, method: 'POST', maxHeaderSize: maxHeaderBytes },
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
  });
  let outcome: string | SyncError | undefined;
  const fail = (error: SyncError) => {
    outcome ??= error;
    sent.destroy();
  };
  const cancelAnswer = afterDelay(times.answerMs, () => fail(late('no response', times.answerMs)));
  let cancelDial = () => {};
  let cancelConnect = () => {};
  sent.once('socket', (socket) => {
    if (sent.reusedSocket) return;
    cancelDial = afterDelay(times.dialMs, () => fail(late('no TCP connection', times.dialMs)));
    cancelConnect = afterDelay(times.connectMs, () => fail(late('no TLS connection', times.connectMs)));
    socket.once('connect', () => cancelDial());
    socket.once('secureConnect', () => cancelConnect());
  });
  sent.on('error', (error: NodeJS.ErrnoException) => fail(new SyncError(failureOf(error), error.message)));
  sent.once('response', (response) =>
    collect(response, fail, (answer) => {
      outcome ??= answer;
    }),
  );
  sent.once('close', () => {
    cancelAnswer();
    cancelDial();
    cancelConnect();
    // For example a protocol upgrade, which ends without an error.
    outcome ??= new SyncError('unreachable', 'connection closed without a response');
    if (typeof outcome === 'string') resolve(outcome);
    else reject(outcome);
  });
  sent.end(body);
  return promise;
}

/** Collects the body of a response up to the maximum size. */
function collect(
  response: IncomingMessage,
  fail: (error: SyncError) => void,
  done: (answer: string | SyncError) => void,
): void {
  const pieces: Buffer[] = [];
  let length = 0;
  response.on('data', (piece: Buffer) => {
    length += piece.length;
    if (length > maxAnswerBytes)
      fail(new SyncError('malformed', `the response is larger than ${maxAnswerBytes} bytes`));
    else pieces.push(piece);
  });
  response.on('error', (error: NodeJS.ErrnoException) => fail(new SyncError(failureOf(error), error.message)));
  response.on('end', () =>
    done(response.statusCode === 200 ? Buffer.concat(pieces).toString('utf8') : refusalOf(response)),
  );
}

function refusalOf({ statusCode = 0, headers }: IncomingMessage): SyncError {
  const code = refusals[statusCode] ?? 'refused';
  const seconds = /^\d{1,6}$/.exec(headers['retry-after'] ?? '')?.[0];
  return new SyncError(code, `HTTP status ${statusCode}`, seconds === undefined ? undefined : Number(seconds) * 1000);
}

const refusals: Record<number, SyncFailure> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'unauthorized',
  413: 'invalid',
  503: 'unavailable',
};

/**
 * Error codes of Node: `E…` is a system error, `HPE_…` an HTTP parser error, all others are about TLS and certificates.
 */
function failureOf({ code = '' }: NodeJS.ErrnoException): SyncFailure {
  if (code.startsWith('HPE_')) return 'malformed';
  return /^E[A-Z]+$/.test(code) && code !== 'EPROTO' ? 'unreachable' : 'untrusted';
}

function late(what: string, milliseconds: number): SyncError {
  return new SyncError('timeout', `${what} within ${milliseconds} ms`);
}
