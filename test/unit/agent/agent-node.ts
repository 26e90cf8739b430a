import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { Agent } from '../../../src/agent/agent.ts';
import { AgentMetrics } from '../../../src/agent/metrics/agent-metrics.ts';
import { ProbeMetrics } from '../../../src/agent/metrics/probe-metrics.ts';
import { SyncMetrics } from '../../../src/agent/metrics/sync-metrics.ts';
import type { Target } from '../../../src/agent/plan/targets.ts';
import type { AddressAnswers } from '../../../src/agent/probes/peer-lookup.ts';
import type { ProbeResult } from '../../../src/agent/probes/probe.ts';
import type { Attempt } from '../../../src/agent/probes/probes.ts';
import { MountedFile } from '../../../src/agent/sources/mounted-file.ts';
import { StateCache } from '../../../src/agent/sources/state-cache.ts';
import { httpRefusalCounter } from '../../../src/listeners/http-refusal.ts';
import { registerProcessMetrics } from '../../../src/metrics/process-metrics.ts';
import { encodeSettings, maxSettingsBytes, parseSettings, type Settings } from '../../../src/protocol/settings.ts';
import { encodeSyncAccess, maxSyncAccessBytes, parseSyncAccess } from '../../../src/protocol/sync-access.ts';
import { FakeClock } from '../fake-clock.ts';
import { ConfigMapVolume } from './config-map-volume.ts';
import { readSeries } from './exposition.ts';
import { accessTo } from './servers/operator-server.ts';
import { SimulatedOperator } from './simulated-operator.ts';
import type { TemporaryDirectory } from './temporary-directory.ts';

export const success: ProbeResult = { latencies: [0.0001], failures: [], retransmits: 0, timing: 'kernel' };
export const silence: AddressAnswers = { A: undefined, AAAA: undefined };

/** A node: what outlives an agent's process, and the world around it. */
export function newNode(directory: TemporaryDirectory) {
  mkdirSync(directory.file('mounted'));
  const volume = new ConfigMapVolume(directory.file('mounted'), 'settings.json');
  const accessFile = directory.file('mounted/sync.json');
  const world = {
    answers: { A: ['10.1.0.1', '10.1.0.2', '10.1.0.3'], AAAA: [] } as AddressAnswers,
    attempt: (async () => success) as Attempt<Target>,
  };
  const operator = new SimulatedOperator();
  /** Starts an agent on it. */
  const start = () => {
    const clock = new FakeClock();
    operator.clock = clock;
    const registry = new Registry();
    registerProcessMetrics(registry);
    httpRefusalCounter(registry);
    const logged: string[] = [];
    const asked: string[] = [];
    const agent = new Agent({
      identity: { nodeName: 'node-a', podIps: ['10.1.0.1'] },
      resolver: {
        nameservers: ['10.96.0.10'],
        nameserverPort: 53,
        search: [],
        ndots: 5,
        clusterDomain: 'cluster.local',
      },
      settingsFile: new MountedFile(volume.path, maxSettingsBytes, parseSettings),
      syncAccessFile: new MountedFile(accessFile, maxSyncAccessBytes, parseSyncAccess),
      operator,
      stateCache: new StateCache(directory.file('state')),
      lookup: async (name) => {
        asked.push(name);
        return world.answers;
      },
      attempt: (target, context) => world.attempt(target, context),
      kernel: undefined,
      udpSockets: undefined,
      probeMetrics: new ProbeMetrics(registry, 'kernel'),
      agentMetrics: new AgentMetrics(registry, '1.2.3', clock, undefined),
      syncMetrics: new SyncMetrics(registry, clock),
      clock,
      random: () => 0.5,
      log: (level, msg, fields) =>
        logged.push(`${level} ${msg}${fields?.reason === undefined ? '' : `: ${fields.reason}`}`),
    });
    agent.start();
    const series = async () => readSeries(await registry.metrics());
    const hosts = async (metric: string) =>
      [...(await series()).keys()].flatMap((name) =>
        name.startsWith(`${metric}{`) ? /host="([^"]+)"/.exec(name)![1]! : [],
      );
    return { agent, clock, logged, asked, series, hosts };
  };
  return {
    volume,
    world,
    operator,
    start,
    write: (settings: Settings) => volume.update(encodeSettings(settings)),
    /** What the operator mounts by which it is found; by default such that it is. */
    writeAccess: (text = encodeSyncAccess(accessTo(8443, '-----BEGIN CERTIFICATE-----'))) =>
      writeFileSync(accessFile, text),
    removeAccess: () => rmSync(accessFile),
  };
}
