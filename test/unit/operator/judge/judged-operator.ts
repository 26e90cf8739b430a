import { isPaused } from '../../../../src/contract/agent-names.ts';
import type { NetExporter } from '../../../../src/crd/net-exporter.ts';
import type { AgentPod } from '../../../../src/operator/agents/agent-pod.ts';
import { Fleet } from '../../../../src/operator/agents/fleet.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import type { DnsPod } from '../../../../src/operator/dns/dns-service.ts';
import { FleetJudges, judgeEveryMs } from '../../../../src/operator/judge/fleet-judges.ts';
import type { Suspect } from '../../../../src/operator/judge/judge.ts';
import type { JudgedFleet } from '../../../../src/operator/judge/judged-fleet.ts';
import { keyOf } from '../../../../src/operator/kube/kube-object.ts';
import type { NodeFacts } from '../../../../src/operator/plan/node-facts.ts';
import { sketchIndex } from '../../../../src/protocol/latency-sketch.ts';
import type { TargetReport } from '../../../../src/protocol/report.ts';
import type { Held } from '../../../../src/protocol/sync.ts';
import { FakeClock } from '../../fake-clock.ts';
import { agentPod } from '../agent-pod-builder.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { CountedDrops } from '../reports/counted-drops.ts';

export const key = 'monitoring/default';
const nameserver = '10.96.0.10:53';
export const service = '10.96.77.7:8000';

/** Whether the attempts at a target fail, by the agent's node. */
export type IsBad = (from: string, target: TargetReport) => boolean;

/** An operator's fleets and judges, and agents that report to them every 15 s, or as long as they are held. */
export class JudgedOperator {
  readonly clock = new FakeClock();
  readonly pods = new Map<string, AgentPod>();
  readonly nodes = new Map<string, NodeFacts>();
  readonly dnsPods: DnsPod[] = [];
  /** Nodes whose agents do not call. */
  readonly silent = new Set<string>();
  /** Keys of NetExporters whose status has something else to say. */
  readonly news: string[] = [];
  readonly suspects: Suspect[] = [];
  readonly drops = new CountedDrops();
  readonly fleet: Fleet;
  judges: FleetJudges;
  resource: NetExporter;
  latest: JudgedFleet | undefined;
  isResolver = true;
  /** What agents that do not tell the truth make of their results, by their node. */
  lie: (from: string, target: TargetReport) => TargetReport = (_from, target) => target;
  /** DNS servers that agents report although their settings have them no more. */
  late: string[] = [];
  readonly #sequences = new Map<string, number>();
  readonly #held = new Map<string, Held>();
  readonly #callsAt = new Map<string, number>();

  constructor(resource = netExporter(), agents = 12) {
    this.resource = resource;
    for (let number = 1; number <= agents; number++) {
      const [node, uid] = [`n${number}`, `p${number}`];
      this.pods.set(uid, agentPod({ uid, name: uid, node, addresses: [`10.0.0.${number}`] }));
      this.nodes.set(node, {
        name: node,
        zone: `z${number % 3}`,
        ready: true,
        notice: undefined,
        uid: 'node',
        bootId: 'b',
      });
    }
    for (const number of [1, 2])
      this.dnsPods.push({
        ...{ address: `10.1.0.${number}:53`, node: `n${number}`, name: `coredns-${number}`, state: 'serving' },
        isServing: true,
      });
    const nothing = { add: () => {}, addAfter: () => {} };
    this.fleet = new Fleet({
      pods: { update: () => {}, of: () => [...this.pods.values()] },
      nodeOf: (name) => this.nodes.get(name),
      dnsServersOf: () => this.dnsPods.map(({ address }) => address),
      dnsServiceFaultOf: () => undefined,
      ...{ plans: nothing, figures: nothing, judgements: nothing },
      holdMsOf: (podUid) => this.judges.holdMsOf(podUid),
      wake: () => {},
      onFigures: () => {},
      ...{ drops: this.drops, clock: this.clock },
    });
    this.judges = this.#newJudges();
    this.fleet.lead(1, [resource]);
    this.fleet.replan(key);
    this.settle();
  }

  /** Another operator becomes the leader. */
  changeLeader(): void {
    this.fleet.stop();
    this.judges = this.#newJudges();
    this.fleet.lead(2, [this.resource]);
    this.fleet.replan(key);
    this.settle();
  }

  /** The spec is edited and reconciled. */
  edit(change: (spec: NetExporter['spec']) => void): void {
    const edited = structuredClone(this.resource);
    change(edited.spec);
    edited.metadata.generation++;
    this.resource = edited;
    this.fleet.plan(edited);
    this.fleet.replan(key);
    this.settle();
  }

  settle(): void {
    if (isPaused(this.resource)) return;
    this.fleet.settle(keyOf(this.resource), settingsOf(this.resource, ['10.96.77.7']));
  }

  /** Lets agents report and the operator judge for this time. */
  async run(seconds: number, isBad: IsBad = () => false): Promise<this> {
    for (let second = 0; second < seconds; second++) {
      for (const [uid, { node }] of this.pods) {
        const due = this.#callsAt.get(uid) ?? this.clock.monotonic() + (this.#callsAt.size % 10) * 1000;
        this.#callsAt.set(uid, due);
        if (due <= this.clock.monotonic() && !this.silent.has(node)) this.#call(uid, isBad);
      }
      if (this.clock.monotonic() % judgeEveryMs === 0) await this.judge();
      this.clock.advance(1000);
    }
    return this;
  }

  async judge(): Promise<void> {
    const result = await this.judges.judge(key, new AbortController().signal);
    this.latest = result?.judged;
    if (!result) return;
    if (result.isNews) this.news.push(key);
    this.suspects.push(...result.judged.verdict.raised);
  }

  /** The suspects of the last judgement, as `kind name`. */
  get named(): string[] {
    return (this.latest?.verdict.suspects ?? []).map(({ kind, name }) => `${kind} ${name}`);
  }

  /** Why parts are not judged: DNS, then the network. */
  get unknown(): unknown[] {
    return [this.latest?.dns.unknown, this.latest?.network.unknown];
  }

  #newJudges(): FleetJudges {
    return new FleetJudges({
      fleetOf: (of) => this.fleet.judgedOf(of),
      nodeOf: (name) => this.nodes.get(name),
      dnsPodsOf: () => this.dnsPods,
      addressesOf: () => ['10.96.77.7'],
      isResolver: () => this.isResolver,
      nameservers: [nameserver],
      clock: this.clock,
      onUnjudged: () => this.drops.targets('unjudged', 1),
    });
  }

  #call(uid: string, isBad: IsBad): void {
    const { node } = this.pods.get(uid)!;
    const agent = { resource: key, podUid: uid, pod: uid, node };
    const { settings: offered, settingsDigest: digest, assignment } = this.fleet.answerFor(agent, {}) ?? {};
    const settings = offered ?? settingsOf(this.resource, ['10.96.77.7']);
    if (offered && assignment) {
      const { uid: of, generation } = settings.resource;
      this.#held.set(uid, { settings: { uid: of, generation, digest: digest! }, assignment });
    }
    const sequence = (this.#sequences.get(uid) ?? 0) + 1;
    this.#sequences.set(uid, sequence);
    const hosts = settings.dns.hosts.length > 0 ? settings.dns.hosts : [defaultHost];
    const links = [
      ...(settings.network.enabled
        ? [
            ...(assignment?.peers ?? []),
            ...settings.network.services.map((address) => ({ address, node: '', zone: '' })),
          ]
        : []
      ).map(({ address, node: peer, zone }) => link({ host: address, node: peer, zone })),
      ...(settings.dns.enabled
        ? [nameserver, ...settings.dns.servers, ...this.late, ...(assignment?.dnsServers ?? [])]
        : []
      ).flatMap((server) =>
        hosts.flatMap((host) =>
          ['UDP', 'TCP'].map((protocol) => link({ probe: 'dns', host, server, protocol, type: 'A' })),
        ),
      ),
    ];
    const found = links.map((target) => (isBad(node, target) ? failed(target) : target));
    const targets = found.map((target) => this.lie(node, target));
    const report = { stream: 's', sequence, spanMs: 15_000, targets };
    this.fleet.took(agent, { version: 1, held: this.#held.get(uid) ?? {}, report });
    this.#callsAt.set(uid, this.clock.monotonic() + this.fleet.holdMsOf(agent));
  }
}

const defaultHost = 'kubernetes.default.svc.cluster.local.';

function link(parts: Partial<TargetReport>): TargetReport {
  return {
    ...{ probe: 'network', host: '', server: '', protocol: 'TCP', type: '', node: '', zone: '' },
    ...{ attempts: 1, failures: {}, retransmits: 0, latencies: [[sketchIndex(1e-4), 1]] },
    ...parts,
  };
}

function failed(target: TargetReport): TargetReport {
  return { ...target, failures: { timeout: 1 }, latencies: [] };
}
