import { readFile } from 'node:fs/promises';
import { agentContract } from '../src/contract/agent-contract.ts';
import { agentNames } from '../src/contract/agent-names.ts';
import { tokenAudience } from '../src/protocol/sync.ts';
import { parseSyncAccess } from '../src/protocol/sync-access.ts';
import { CertificateAuthority } from '../test/cluster/certificates.ts';
import { controlPlaneFiles } from '../test/cluster/control-plane.ts';
import { readState } from '../test/cluster/state.ts';
import { AgentTokens } from './agent-tokens.ts';
import type { ApiServer } from './api-server.ts';
import { type BenchCluster, namespace } from './bench-cluster.ts';
import { freePort } from './measured-operator.ts';
import { fleetName, OperatorBench } from './operator-bench.ts';
import { type ProcessUsage, readProcessUsage } from './process-usage.ts';
import type { OperatorAccess } from './simulated-agent.ts';
import type { AgentToBe } from './simulated-agents.ts';
import { type DaemonSet, nodeName, podName } from './simulated-objects.ts';

const serviceAccount = agentNames(fleetName).agent;

/** How many objects a page of a list has. */
const pageSize = 500;

interface Named {
  metadata: { name: string; uid: string };
}

/** What the benchmark of sync works on: that of the operator, which agents can call, and agents' tokens. */
export class SyncBench {
  readonly operator: OperatorBench;
  readonly #bench: BenchCluster;
  readonly #tokens: AgentTokens;
  /** Where the operator answers agents: on this machine. */
  readonly #port: number;
  #accountUid = '';
  #nodeUids = new Map<string, string>();

  private constructor(bench: BenchCluster, operator: OperatorBench, tokens: AgentTokens, port: number) {
    this.#bench = bench;
    this.operator = operator;
    this.#tokens = tokens;
    this.#port = port;
  }

  /** Installs and builds. */
  static async prepare(bench: BenchCluster): Promise<SyncBench> {
    const port = await freePort();
    // No EndpointSlice may have the address by which the agents call: it is the machine's own.
    const { hostname } = new URL(await serverOf(bench));
    const environment = { SYNC_PORT: String(port), SYNC_ADVERTISE: `${hostname}:${port}` };
    const operator = await OperatorBench.prepare(bench, environment);
    const { issuer } = await operator.api.send<{ issuer: string }>('GET', '/.well-known/openid-configuration');
    const authority = new CertificateAuthority(controlPlaneFiles(bench.cluster.directory).pki);
    const key = await readFile(authority.serviceAccountKey.key, 'utf8');
    return new SyncBench(bench, operator, new AgentTokens({ issuer, audience: tokenAudience, key }), port);
  }

  /** How agents reach the operator: what they are told, with an address of this machine instead of the Service's. */
  async access(): Promise<OperatorAccess> {
    const path = `/api/v1/namespaces/${namespace}/configmaps/${serviceAccount}`;
    const { data } = await this.operator.api.send<{ data: Record<string, string> }>('GET', path);
    const text = data[agentContract.syncAccessKey];
    if (text === undefined) throw new Error(`no operator has written ${agentContract.syncAccessKey} into ${path}`);
    const { serverName, ca } = parseSyncAccess(text);
    return { address: `127.0.0.1:${this.#port}`, serverName, ca };
  }

  /** The agents of all pods. */
  async agents(daemonSet: DaemonSet): Promise<AgentToBe[]> {
    const { api, fleet } = this.operator;
    const account = await api.send<Named>('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}`);
    this.#accountUid = account.metadata.uid;
    this.#nodeUids = await uids(api, '/api/v1/nodes');
    const pods = await uids(api, `/api/v1/namespaces/${namespace}/pods`);
    const agents = Array.from({ length: fleet.size }, (_, index) =>
      this.agent(daemonSet, index + 1, pods.get(podName(daemonSet, index + 1))!),
    );
    await requireAuthentic(api, agents.at(-1)!.token);
    return agents;
  }

  /** The agent of a pod on a node that was there when `agents` was called. */
  agent(daemonSet: DaemonSet, number: number, podUid: string): AgentToBe {
    const [pod, node] = [podName(daemonSet, number), nodeName(number)];
    const token = this.#tokens.issue(
      {
        namespace,
        serviceAccount: { name: serviceAccount, uid: this.#accountUid },
        pod: { name: pod, uid: podUid },
        node: { name: node, uid: this.#nodeUids.get(node)! },
      },
      Date.now(),
    );
    return { name: pod, token };
  }

  /** What the API server has used so far. */
  apiServerUsage(): ProcessUsage {
    return readProcessUsage(readState(this.#bench.cluster.name)!.processes.apiserver!.pid);
  }

  undo(): Promise<void> {
    return this.operator.undo();
  }
}

async function serverOf({ cluster }: BenchCluster): Promise<string> {
  const { clusters } = JSON.parse(await readFile(cluster.kubeconfig, 'utf8')) as {
    clusters: [{ cluster: { server: string } }];
  };
  return clusters[0].cluster.server;
}

/** Has the API server say that a token is one of its own. */
async function requireAuthentic(api: ApiServer, token: string): Promise<void> {
  const review = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [tokenAudience] },
  };
  const { status } = await api.send<{ status: { authenticated?: boolean; error?: string } }>(
    'POST',
    '/apis/authentication.k8s.io/v1/tokenreviews',
    review,
  );
  if (!status.authenticated) throw new Error(`the API server does not know an agent's token: ${status.error}`);
}

/** The uids of a kind's objects by their names. */
async function uids(api: ApiServer, path: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let token: string | undefined = ''; token !== undefined; ) {
    const query = `limit=${pageSize}&continue=${encodeURIComponent(token)}`;
    const page: { metadata: { continue?: string }; items: Named[] } = await api.send('GET', `${path}?${query}`);
    for (const { metadata } of page.items) found.set(metadata.name, metadata.uid);
    token = page.metadata.continue || undefined;
  }
  return found;
}
