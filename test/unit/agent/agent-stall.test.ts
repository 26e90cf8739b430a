import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeSettings } from '../../../src/protocol/settings.ts';
import { AgentPod, freePort } from './agent-process.ts';
import { framed, goodAnswer, startTcpServer, startUdpServer } from './servers/dns-server.ts';
import { startListenerProcess } from './servers/listener-process.ts';
import { settingsWith } from './settings-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

/** Three times what a probe may take. */
const stallMs = 3000;
const times = { intervalMs: 1000, timeoutMs: 1000 };

test('an agent that stands still in the middle of probes has no failure and no latency from that, and tells of it', async () => {
  using directory = new TemporaryDirectory();
  await using peer = await startListenerProcess();
  /** Called when a question has come, before it is answered. */
  let asked: (protocol: 'UDP' | 'TCP') => void = () => {};
  await using tcp = await startTcpServer((query, socket) => {
    asked('TCP');
    socket.write(framed(goodAnswer(query)));
  });
  await using udp = await startUdpServer(
    (query, send) => {
      asked('UDP');
      send(goodAnswer(query));
    },
    tcp.host,
    tcp.port,
  );
  const pod = new AgentPod(directory, udp.port);
  const services = [`127.0.0.1:${peer.port}`];
  pod.volume.update(
    encodeSettings(
      settingsWith({ dns: { ...times, hosts: ['a.example.'] }, network: { ...times, peersPerAgent: 0, services } }),
    ),
  );
  await using agent = pod.start(await freePort());
  await agent.ready();
  const dial = (metric: string, le = '') =>
    `${metric}{host="${services[0]}",${le}peer_node="",peer_zone="",protocol="TCP"}`;
  const lookup = (metric: string, protocol: string, le = '') =>
    `${metric}{host="a.example.",${le}protocol="${protocol}",server="127.0.0.1:${udp.port}",type="A"}`;
  const counts = [
    dial('network_latency_seconds_count'),
    ...['UDP', 'TCP'].map((protocol) => lookup('dns_latency_seconds_count', protocol)),
  ];
  const before = await agent.metricsThat((series) => counts.every((count) => series.get(count)! >= 2));
  assert.equal(before.get('net_exporter_turns_skipped_total{reason="running"}'), 0);

  for (const protocol of ['UDP', 'TCP']) {
    // The question is out, and its answer comes while the agent cannot read it.
    const { promise: inFlight, resolve } = Promise.withResolvers<void>();
    asked = (by) => {
      if (by !== protocol) return;
      asked = () => {};
      agent.signal('SIGSTOP');
      resolve();
    };
    await inFlight;
    await delay(stallMs);
    agent.signal('SIGCONT');
    const resumed = await agent.series();
    await agent.metricsThat((series) => counts.every((count) => series.get(count)! >= resumed.get(count)! + 2));
  }

  const after = await agent.series();
  for (const [name, value] of after) if (/_(error|failures)_total/.test(name)) assert.equal(value, 0, name);
  const belowOneSecond = [
    dial('network_latency_seconds_bucket', 'le="1.05",'),
    ...['UDP', 'TCP'].map((protocol) => lookup('dns_latency_seconds_bucket', protocol, 'le="1.05",')),
  ];
  for (const [n, count] of counts.entries())
    assert.equal(after.get(belowOneSecond[n]!), after.get(count), `${count}: none as long as the stall`);
  assert.ok(after.get('net_exporter_scheduler_lag_seconds')! >= (stallMs - 1000) / 1000);
  // Of three turns in each stall at most the last is still taken.
  const late = after.get('net_exporter_turns_skipped_total{reason="late"}')!;
  assert.ok(late - before.get('net_exporter_turns_skipped_total{reason="late"}')! >= 2 * 2 * counts.length, `${late}`);
  assert.deepEqual(
    agent.log.filter(({ msg }) => msg === 'target is failing'),
    [],
  );
});
