import { once } from 'node:events';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { systemClock } from '../../../../src/base/clock.ts';
import type { SyncSource } from '../../../../src/operator/agents/sync-source.ts';
import { authenticatedAgent, type PodRecord } from '../../../../src/operator/sync/identity/authenticated-agent.ts';
import { ServiceAccountKeys } from '../../../../src/operator/sync/identity/service-account-keys.ts';
import { TokenVerifier } from '../../../../src/operator/sync/identity/token-verifier.ts';
import { SyncHub } from '../../../../src/operator/sync/sync-hub.ts';
import { SyncMetrics } from '../../../../src/operator/sync/sync-metrics.ts';
import { type SyncLimits, SyncServer } from '../../../../src/operator/sync/sync-server.ts';
import { renewed, type SyncCertificates } from '../../../../src/operator/sync/tls/sync-certificates.ts';
import {
  decodeSyncAnswer,
  encodeSyncRequest,
  type Held,
  type SyncAnswer,
  syncPath,
  syncServerName,
  syncVersion,
  tokenAudience,
} from '../../../../src/protocol/sync.ts';
import { quietLog } from '../quiet-log.ts';
import { TokenIssuer, type TokenOptions } from './identity/token-issuer.ts';

/** An answer as it came. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** The sync server as the operator has it, with tokens and certificates of its own. */
export class SyncRig {
  readonly issuer: TokenIssuer;
  readonly pods = new Map<string, PodRecord>([
    ['monitoring/default-agent-x', { uid: 'uid-x', owner: 'monitoring/default', node: 'node-1', isAgent: true }],
  ]);
  readonly registry = new Registry();
  readonly hub: SyncHub;
  readonly server: SyncServer;
  readonly taken: string[] = [];
  certificates: SyncCertificates;
  isLeading = true;
  answers: SyncSource['answerFor'] = () => ({});
  port = 0;

  private constructor(issuer: TokenIssuer, certificates: SyncCertificates, options: RigOptions) {
    this.issuer = issuer;
    this.certificates = certificates;
    const clock = systemClock;
    const keys = new ServiceAccountKeys(() => issuer.published(), clock);
    const verifier = new TokenVerifier({ keys, audience: tokenAudience, clock });
    this.hub = new SyncHub({
      source: {
        answerFor: (agent, held) => this.answers(agent, held),
        took: ({ pod }, { report }) => {
          this.taken.push(pod);
          return report && { stream: report.stream, sequence: report.sequence };
        },
        holdMsOf: () => 15_000,
        gone() {},
      },
      clock,
      random: () => 0,
      holdMs: options.holdMs ?? 200,
      log: options.log ?? quietLog,
    });
    const metrics = new SyncMetrics(this.registry);
    this.server = new SyncServer({
      hub: this.hub,
      identify: async (token) => {
        const claims = await verifier.verify(token);
        return authenticatedAgent(claims, this.pods.get(`${claims.namespace}/${claims.pod}`));
      },
      isLeading: () => this.isLeading,
      observe: metrics.observer,
      clock,
      log: options.log ?? quietLog,
      limits: options.limits ?? {},
    });
    metrics.watch({ connections: () => this.server.connections, held: () => this.hub.held });
    this.server.useCertificate(certificates.serving);
  }

  static async start(options: RigOptions = {}): Promise<SyncRig> {
    const certificates = await renewed(undefined, syncServerName, Date.now());
    const rig = new SyncRig(await TokenIssuer.create(), certificates, options);
    rig.port = await rig.server.listen(0);
    return rig;
  }

  get authorities(): string {
    return this.certificates.authorities.join('');
  }

  token(options: TokenOptions = {}): Promise<string> {
    return this.issuer.sign(options);
  }

  /** Asks as an agent does. */
  async sync(held: Held, options: CallOptions = {}): Promise<SyncAnswer> {
    const { status, body } = await this.post(encodeSyncRequest({ version: syncVersion, held }), options);
    if (status !== 200) throw new Error(`${status}: ${body}`);
    return decodeSyncAnswer(body);
  }

  /** Posts any body; `token: null` sends none. */
  async post(body: string | Buffer, options: CallOptions = {}): Promise<RawAnswer> {
    const token = options.token === undefined ? await this.token() : options.token;
    const request = httpsRequest({
      host: '127.0.0.1',
      port: this.port,
      ca: this.authorities,
      servername: syncServerName,
      method: 'POST',
      path: syncPath,
      agent: false,
      ...options.request,
      headers: {
        'content-length': Buffer.byteLength(body),
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...options.request?.headers,
      } as Record<string, string>,
    });
    request.end(body);
    const [response] = await once(request, 'response');
    let text = '';
    for await (const piece of response) text += piece;
    return { status: response.statusCode, headers: response.headers, body: text };
  }

  /** A connection on which the test says what it likes. */
  async connect(): Promise<TLSSocket> {
    const { port, authorities: ca } = this;
    const socket = connect({ host: '127.0.0.1', port, ca, servername: syncServerName });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    return socket;
  }

  /** The value of a metric, such as `name{label="value"}`. */
  async metric(series: string): Promise<number> {
    const line = (await this.registry.metrics()).split('\n').find((text) => text.startsWith(`${series} `));
    return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
  }

  async stop(): Promise<void> {
    this.hub.close();
    await this.server.close();
  }
}

export interface RigOptions {
  holdMs?: number;
  limits?: Partial<SyncLimits>;
  log?: Logger;
}

export interface CallOptions {
  token?: string | null;
  request?: RequestOptions;
}

/** Resolves once the condition holds; fails the test when it does not within a generous time. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
