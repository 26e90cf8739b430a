import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { apiUses } from '../../src/contract/api-uses.ts';
import type { ClusterApi } from './cluster-api.ts';

const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

export interface SlowWebhookOptions {
  api: ClusterApi;
  /** What the server proves itself with at 127.0.0.1, issued by the cluster's authority. */
  certificate: { cert: Buffer; key: Buffer };
  /** The name of the ValidatingWebhookConfiguration. */
  name: string;
  /** Whose DaemonSets it is asked about. */
  namespace: string;
  /** How long the answer about a DaemonSet of this name takes, in milliseconds. */
  delayOf: (daemonSet: string) => number;
}

interface Review {
  request: { uid: string; name: string; dryRun?: boolean };
}

/**
 * An admission webhook that admits every write of a DaemonSet, and takes its time. Dry runs, by which tests look at
 * objects, are answered at once.
 */
export class SlowWebhook {
  readonly #options: SlowWebhookOptions;
  readonly #server: Server;
  /** Answers that wait for their time. */
  readonly #held = new Set<() => void>();
  /** How many reviews it was asked for, by DaemonSet. */
  readonly asked = new Map<string, number>();

  private constructor(options: SlowWebhookOptions) {
    this.#options = options;
    this.#server = createServer(options.certificate, (request, response) => {
      this.#review(request, response).catch(() => response.destroy());
    });
  }

  static async start(options: SlowWebhookOptions): Promise<SlowWebhook> {
    const webhook = new SlowWebhook(options);
    const server = webhook.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const { api, name, namespace } = options;
    const { group, version, plural } = apiUses.daemonSets;
    await api.create(configurations, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name },
      webhooks: [
        {
          name: 'slow.example.com',
          clientConfig: {
            url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
            caBundle: api.authority.toString('base64'),
          },
          rules: [{ apiGroups: [group], apiVersions: [version], resources: [plural], operations: ['*'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          admissionReviewVersions: ['v1'],
          failurePolicy: 'Fail',
          sideEffects: 'None',
          // The longest that the API server allows.
          timeoutSeconds: 30,
        },
      ],
    });
    return webhook;
  }

  /** Removes the configuration and answers everything that waits: later writes are not held up. */
  async remove(): Promise<void> {
    const { api, name } = this.#options;
    await api.delete(`${configurations}/${name}`);
    for (const answer of this.#held) answer();
  }

  /** Ends the server, which the API server must not need any more. */
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #review(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { uid, name, dryRun } = (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Review).request;
    if (!dryRun) {
      this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
      await this.#hold(this.#options.delayOf(name));
    }
    const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true } };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(review));
  }

  async #hold(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#held.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#held.delete(resolve);
  }
}
