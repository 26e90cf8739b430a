import { readFile } from 'node:fs/promises';
import type { BenchCluster } from '../bench/bench-cluster.ts';
import { FloodProcess, type Flood as ProcessFlood } from '../bench/flood-process.ts';
import { floodTexts } from '../bench/flooding.ts';
import { parseHostPort } from '../src/base/host-port.ts';
import { agentContract } from '../src/contract/agent-contract.ts';
import { operatorPort } from '../src/contract/operator-names.ts';
import { echoLimits } from '../src/listeners/listener-limits.ts';
import { parseSyncAccess, type SyncAccess } from '../src/protocol/sync-access.ts';
import { waitFor } from '../test/cluster/wait.ts';
import { type Agent, agentsOf } from '../test/e2e/agents.ts';
import { processesOf } from '../test/e2e/container-process.ts';
import { deadline } from '../test/e2e/environment.ts';
import { operatorsOf } from '../test/e2e/operators.ts';
import type { ClusterApi } from '../test/faults/cluster-api.ts';
import { reporter, Stranger } from '../test/faults/stranger.ts';
import { EchoRefusals } from './echo-refusals.ts';
import { HostileTally } from './hostile-tally.ts';
import type { Flood, Hostility } from './hostility.ts';

const namespace = 'hostile';

/**
 * Connections that one pod holds to each listener; all beyond what one address may have. Together with their rate they
 * take a part of the machine's processor that leaves the rest what it needs.
 */
const held = { silent: 40, idle: 20, pipelined: 5 };
const heldToSync = 100;
const againMs = 2000;
/** It shares the machine's processor with whom it disturbs. */
const reportPauseMs = 20;
/** To each of so few agents that it leaves the others a processor; more than are answered to one address. */
const echoesPerSecond = echoLimits.perAddress.perSecond * 1.5;
const echoVictims = 2;

/** A tenant with agents on some of the nodes, and no good intentions. */
export class HostileTenant {
  /** What all of it has come to. */
  readonly tally = new HostileTally();
  /** How often it created objects of each kind. */
  readonly objects: Record<string, number> = {};
  readonly #bench: BenchCluster;
  readonly #stranger: Stranger;
  readonly #nodes: readonly string[];

  private constructor(bench: BenchCluster, api: ClusterApi, nodes: readonly string[]) {
    this.#bench = bench;
    this.#stranger = new Stranger(api, namespace);
    this.#nodes = nodes;
  }

  /** How many pods it has. */
  get pods(): number {
    return this.#nodes.length;
  }

  /** @param nodes that stay */
  static async start(bench: BenchCluster, api: ClusterApi, nodes: readonly string[]): Promise<HostileTenant> {
    const tenant = new HostileTenant(bench, api, nodes);
    await tenant.#stranger.arrive(nodes);
    await tenant.#agents();
    return tenant;
  }

  /**
   * Is hostile while `body` runs.
   * @param victims the agents of others
   * @returns what it has gained by that and must not, each in a sentence
   */
  async during({ floods, pods, objects }: Hostility, victims: readonly Agent[], body: () => Promise<void>) {
    const flooding: FloodProcess[] = [];
    const refusals = floods.includes('echo') ? new EchoRefusals(victims.slice(0, echoVictims)) : undefined;
    try {
      for (const agent of (await this.#agents()).slice(0, pods))
        flooding.push(await this.#flood(agent, floods, victims));
      if (objects) {
        this.objects[objects.kind] = (this.objects[objects.kind] ?? 0) + 1;
        await this.#stranger.commit(objects, { http: [], sync: undefined });
      }
      await body();
      for (const pod of flooding.splice(0)) this.tally.add(await pod.stop());
      return await this.#stranger.gains();
    } finally {
      this.tally.echoesRefused += (await refusals?.stop()) ?? 0;
      for (const pod of flooding) pod.kill();
      await this.#stranger.leave();
    }
  }

  async #flood(agent: Agent, floods: readonly Flood[], victims: readonly Agent[]): Promise<FloodProcess> {
    const { cluster } = this.#bench;
    const [pid] = await processesOf(cluster, namespace, agent.pod, 'agent');
    const read = (path: string) => readFile(`/proc/${pid}/root${path}`, 'utf8');
    const token = await read(`${agentContract.tokenDirectory}/${agentContract.tokenKey}`);
    const access = parseSyncAccess(await read(`${agentContract.settingsDirectory}/${agentContract.syncAccessKey}`));
    const operators = (await operatorsOf(this.#bench)).map(({ ip }) => ip);
    const surroundings = { operators, access, token, victims };
    const started = await FloodProcess.start(
      floods.flatMap((flood) => podFloods(flood, surroundings)),
      pid!,
    );
    const reachable = floods.filter((flood) => operators.length > 0 || (flood !== 'operators' && flood !== 'reports'));
    this.tally.expect(reachable.flatMap((flood) => podFloods(flood, surroundings)));
    return started;
  }

  /** Waits until all of its agents can sync. */
  #agents(): Promise<Agent[]> {
    const ready = async () => {
      const agents = await agentsOf(this.#bench.kubectl, namespace, reporter);
      return agents.length === this.pods && agents.every((agent) => agent.ready) && agents;
    };
    return waitFor('agents of the hostile tenant', ready, { timeout: deadline, interval: 500 });
  }
}

interface Surroundings {
  /** Addresses. */
  operators: readonly string[];
  access: SyncAccess;
  token: string;
  victims: readonly Agent[];
}

function podFloods(flood: Flood, { operators, access, token, victims }: Surroundings): ProcessFlood[] {
  const { addresses, serverName, ca } = access;
  const address = addresses[0]!;
  switch (flood) {
    case 'operators':
      return [
        ...operators.flatMap((host) => connectionFloods('operators', host, operatorPort)),
        ...(['silent', 'idle'] as const).map((text): ProcessFlood => {
          const name = `sync, ${text}`;
          const { host, port } = parseHostPort(address)!;
          return { kind: 'connections', name, host, port, connections: heldToSync, againMs, text: floodTexts[text] };
        }),
      ];
    case 'agents':
      return victims.flatMap(({ ip, port }) => connectionFloods('agents', ip, port));
    case 'echo':
      return victims
        .slice(0, echoVictims)
        .map(({ ip, port }) => ({ kind: 'echo', host: ip, port, perSecond: echoesPerSecond }));
    case 'reports':
      return [{ kind: 'reports', access: { address, serverName, ca }, token, pauseMs: reportPauseMs }];
  }
}

function connectionFloods(whom: string, host: string, port: number): ProcessFlood[] {
  return Object.entries(held).map(([text, connections]) => ({
    ...{ kind: 'connections', name: `${whom}, ${text}`, host, port, connections, againMs },
    text: floodTexts[text as keyof typeof held],
  }));
}
