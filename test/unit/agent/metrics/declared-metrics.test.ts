import { test } from 'node:test';
import { Registry } from 'prom-client';
import { AgentMetrics } from '../../../../src/agent/metrics/agent-metrics.ts';
import { ProbeMetrics } from '../../../../src/agent/metrics/probe-metrics.ts';
import { SyncMetrics } from '../../../../src/agent/metrics/sync-metrics.ts';
import type { DnsTarget } from '../../../../src/agent/plan/targets.ts';
import { agentMetrics } from '../../../../src/contract/metrics/declared-metrics.ts';
import { httpRefusalCounter } from '../../../../src/listeners/http-refusal.ts';
import { registerProcessMetrics } from '../../../../src/metrics/process-metrics.ts';
import { FakeClock } from '../../fake-clock.ts';
import { assertDeclared } from '../../metrics/declared-families.ts';
import { exposedFamilies } from '../../metrics/exposed-families.ts';
import { dnsTarget, echoTarget, networkTarget, ntpTarget } from '../target-builder.ts';

test('the agent exposes exactly the declared metrics, labels and values', async () => {
  const registry = new Registry();
  const clock = new FakeClock();
  registerProcessMetrics(registry);
  httpRefusalCounter(registry);
  new AgentMetrics(registry, '1.2.3', clock, undefined).location('node-a', 'zone-1');
  const probes = new ProbeMetrics(registry, 'kernel');
  const sync = new SyncMetrics(registry, clock);
  const overTcp: DnsTarget = {
    ...dnsTarget('b.'),
    labels: { ...dnsTarget('b.').labels, protocol: 'TCP', type: 'AAAA' },
  };
  const server = ntpTarget('10.0.0.123');
  probes.plan([networkTarget('10.0.0.2'), echoTarget('10.0.0.2'), dnsTarget('a.'), overTcp, server]);
  const told = { latencies: [0.001], failures: [], retransmits: 0, clock: { stratum: 1, offsetSeconds: 0 } };
  probes.record(server, { ...told, timing: 'kernel' });
  probes.record(overTcp, { ...told, timing: 'clock' });
  const scrapes = [];
  for (const source of ['sync', 'file', 'copy', 'service'] as const) {
    if (source !== 'service') sync.settingsFrom(source);
    sync.peersInEffect(1, source);
    scrapes.push(await registry.metrics());
  }
  assertDeclared(exposedFamilies(...scrapes), agentMetrics());
});
