import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { before, test } from 'node:test';
import { udpProbe } from '../../../src/agent/probes/udp/udp-probe.ts';
import { agentMetrics } from '../../../src/contract/metrics/declared-metrics.ts';
import { encodeSettings, type Settings } from '../../../src/protocol/settings.ts';
import { builtProgram } from '../../cluster/binaries.ts';
import { failingOnSignal, unhandled } from '../failing-on-signal.ts';
import { exposedFamilies } from '../metrics/exposed-families.ts';
import { AgentPod, freePort } from './agent-process.ts';
import { eventually } from './eventually.ts';
import { startEchoPeer } from './servers/echo-peer.ts';
import { ntpAnswer, startNtpServer } from './servers/ntp-server.ts';
import { contextWith } from './servers/probe-context.ts';
import { startZoneServer, type Zone } from './servers/zone-server.ts';
import { type SettingsChanges, settingsWith } from './settings-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

const peersName = 'default-agent-peers.monitoring.svc.cluster.local';
const apiName = 'kubernetes.default.svc.cluster.local';
const intervals = { intervalMs: 500, timeoutMs: 500 };

/** Where peers listen: not on the agent's own port, since the agent has that on every address of the machine. */
let peerPort: number;

before(async () => {
  peerPort = await freePort();
});

/** A peer at an address of loopback. */
async function startPeer(address: string): Promise<Server & AsyncDisposable> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  });
  server.listen(peerPort, address);
  await once(server, 'listening');
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}

function cluster(): Zone {
  return new Map([
    [peersName, ['127.0.0.1', '127.0.0.2', '127.0.0.3']],
    [apiName, ['10.96.0.1']],
    ['example.org', ['192.0.2.1']],
  ]);
}

function settings(changes: SettingsChanges = {}): Settings {
  return settingsWith({
    resource: changes.resource ?? {},
    dns: { ...intervals, ...changes.dns },
    ntp: changes.ntp ?? {},
    network: { ...intervals, peerPort, services: [`127.0.0.4:${peerPort}`], ...changes.network },
  });
}

const peer = (metric: string, address: string) =>
  `${metric}{host="${address}:${peerPort}",peer_node="",peer_zone="",protocol="TCP"}`;
const lookup = (metric: string, host: string, port: number, protocol: string) =>
  `${metric}{host="${host}",protocol="${protocol}",server="127.0.0.1:${port}",type="A"}`;

test('the whole agent, as a process: measures, follows an edit, survives a broken file, DNS and peers that go, and stops', async () => {
  using directory = new TemporaryDirectory();
  await using second = await startPeer('127.0.0.2');
  await using third = await startPeer('127.0.0.3');
  await using service = await startPeer('127.0.0.4');
  assert.ok(second.listening && third.listening && service.listening);
  await using dns = await startZoneServer(cluster());
  const pod = new AgentPod(directory, dns.port);
  pod.volume.update(encodeSettings(settings()));
  await using agent = pod.start(await freePort());
  await agent.ready();

  const measured = await agent.metricsThat(
    (series) =>
      ['127.0.0.2', '127.0.0.3', '127.0.0.4'].every(
        (address) => series.get(peer('network_latency_seconds_count', address))! >= 3,
      ) &&
      ['UDP', 'TCP'].every(
        (protocol) => series.get(lookup('dns_latency_seconds_count', `${apiName}.`, dns.port, protocol))! >= 3,
      ),
  );
  for (const [name, value] of measured)
    if (/_(error|errors|failures|retransmits)_total/.test(name)) assert.equal(value, 0, name);
  assert.equal(measured.get(peer('network_dial_error_total', '127.0.0.1')), undefined, 'it does not dial itself');
  const mean =
    measured.get(peer('network_latency_seconds_sum', '127.0.0.2'))! /
    measured.get(peer('network_latency_seconds_count', '127.0.0.2'))!;
  assert.ok(mean > 0 && mean < 0.1, `${mean} s on loopback`);
  assert.equal(measured.get('net_exporter_settings_generation'), 1);
  assert.ok([...measured.keys()].some((name) => name.startsWith('net_exporter_timing_info{probe="network"')));
  assert.ok(measured.get('process_open_fds')! > 0 && measured.get('process_cpu_seconds_total')! > 0);

  // An edit: another host, one peer less.
  pod.volume.update(
    encodeSettings(settings({ resource: { generation: 2 }, dns: { hosts: ['example.org'], protocols: ['UDP'] } })),
  );
  dns.zone.set(peersName, ['127.0.0.1', '127.0.0.2']);
  const edited = await agent.metricsThat(
    (series) =>
      series.get(lookup('dns_latency_seconds_count', 'example.org', dns.port, 'UDP'))! >= 2 &&
      !series.has(peer('network_dial_error_total', '127.0.0.3')),
  );
  assert.equal(edited.get('net_exporter_settings_generation'), 2);
  assert.deepEqual(
    [...edited.keys()].filter((name) => name.includes('kubernetes.default') || name.includes('127.0.0.3')),
    [],
    'what was removed has no series',
  );
  assert.ok(
    edited.get(peer('network_latency_seconds_count', '127.0.0.2'))! >=
      measured.get(peer('network_latency_seconds_count', '127.0.0.2'))!,
    'what stayed goes on counting',
  );
  assert.ok(dns.asked.includes('A example.org'), 'a name without a final dot is asked for in the end as it is');

  // A broken file.
  pod.volume.update('not JSON');
  const broken = await agent.metricsThat((series) => series.get('net_exporter_settings_load_error_total') === 1);
  assert.equal(broken.get('net_exporter_settings_last_load_successful'), 0);
  assert.equal(broken.get('net_exporter_settings_generation'), 2);
  const dialsThen = broken.get(peer('network_latency_seconds_count', '127.0.0.2'))!;
  await agent.metricsThat((series) => series.get(peer('network_latency_seconds_count', '127.0.0.2'))! > dialsThen + 2);
  assert.equal(agent.log.filter(({ msg }) => msg === 'cannot load the settings file').length, 1);

  // DNS falls silent: its errors rise, the peers and their dials stay.
  dns.zone.set('example.org', 'silence').set(peersName, 'silence');
  const errors = lookup('dns_resolve_error_total', 'example.org', dns.port, 'UDP');
  const silent = await agent.metricsThat(
    (series) => series.get(errors)! >= 3 && series.get('net_exporter_peer_lookup_error_total')! >= 1,
  );
  assert.ok(silent.get(`dns_failures_total{protocol="UDP",reason="timeout",server="127.0.0.1:${dns.port}"}`)! >= 3);
  assert.equal(silent.get(peer('network_dial_error_total', '127.0.0.2')), 0);
  assert.equal(silent.get('dns_error_total'), 0);
  dns.zone.set('example.org', ['192.0.2.1']).set(peersName, ['127.0.0.2']);
  const count = lookup('dns_latency_seconds_count', 'example.org', dns.port, 'UDP');
  const successes = silent.get(count)!;
  const well = await agent.metricsThat((series) => series.get(count)! >= successes + 3);
  await agent.metricsThat(
    (series) => series.get(count)! >= well.get(count)! + 3 && series.get(errors) === well.get(errors),
  );

  // A new peer that refuses has not started yet. One that has answered and closes its port fails, and no other does.
  dns.zone.set(peersName, ['127.0.0.2', '127.0.0.5']);
  await agent.metricsThat((series) => series.has(peer('network_dial_error_total', '127.0.0.5')));
  {
    await using fifth = await startPeer('127.0.0.5');
    assert.ok(fifth.listening);
    const started = await agent.metricsThat(
      (series) => series.get(peer('network_latency_seconds_count', '127.0.0.5'))! >= 1,
    );
    assert.equal(started.get(peer('network_dial_error_total', '127.0.0.5')), 0);
  }
  const refusals = 'network_failures_total{protocol="TCP",reason="refused"}';
  const refused = await agent.metricsThat((series) => series.get(refusals)! >= 2);
  assert.ok(refused.get(peer('network_dial_error_total', '127.0.0.5'))! >= 2);
  assert.equal(refused.get(peer('network_dial_error_total', '127.0.0.2')), 0);
  assert.equal(refused.get('network_error_total'), 0);

  // The signal: not ready at once, serving until no node sends dials of the Service here: nobody has for 12 seconds.
  const signalledAt = performance.now();
  agent.signal('SIGTERM');
  await eventually(
    () => agent.get('/-/ready').then(({ status }) => status === 503),
    () => 'ready is still true',
    1500,
  );
  let lastServedAt = 0;
  const serving = (async () => {
    while ((await agent.get('/metrics')).ok) lastServedAt = performance.now();
  })().catch(() => {});
  assert.equal(await agent.exitCode(), 0);
  const exitedAt = performance.now();
  await serving;
  assert.ok(exitedAt - signalledAt < 20_000, `exit after ${exitedAt - signalledAt} ms`);
  assert.ok(lastServedAt - signalledAt > 11_500, `served for ${lastServedAt - signalledAt} ms`);
  assert.equal(agent.stderr, '');
  for (const line of agent.log) assert.deepEqual(Object.keys(line).slice(0, 3), ['time', 'level', 'msg']);
  assert.ok(agent.log.length < 25, `${agent.log.length} lines`);
});

test('an agent that starts again without settings file and DNS probes what it knew', async () => {
  using directory = new TemporaryDirectory();
  await using second = await startPeer('127.0.0.2');
  assert.ok(second.listening);
  let pod: AgentPod;
  {
    await using dns = await startZoneServer(cluster());
    pod = new AgentPod(directory, dns.port);
    pod.volume.update(encodeSettings(settings({ resource: { generation: 9 } })));
    await using agent = pod.start(await freePort());
    await agent.ready();
    await agent.metricsThat((series) => series.has(peer('network_dial_error_total', '127.0.0.2')));
    // It is killed without a word.
  }
  pod.volume.update('');
  await using agent = pod.start(await freePort());
  await agent.ready();
  const series = await agent.metricsThat(
    (now) =>
      now.get(peer('network_latency_seconds_count', '127.0.0.2'))! >= 2 &&
      now.get('net_exporter_settings_generation') === 9,
  );
  assert.equal(series.get('net_exporter_settings_last_load_successful'), 0);
  assert.ok(series.has(peer('network_dial_error_total', '127.0.0.3')));
});

test('an agent without any settings is ready and serves, and begins when they come', async () => {
  using directory = new TemporaryDirectory();
  await using dns = await startZoneServer(cluster());
  const pod = new AgentPod(directory, dns.port);
  await using agent = pod.start(await freePort());
  await agent.ready();
  assert.equal((await agent.series()).get('net_exporter_settings_generation'), 0);
  pod.volume.update(encodeSettings(settings()));
  await agent.metricsThat(
    (series) => series.get(lookup('dns_latency_seconds_count', `${apiName}.`, dns.port, 'UDP'))! >= 1,
  );
});

test('agents send each other echoes, and an agent answers those of others until it is gone', async () => {
  using directory = new TemporaryDirectory();
  using second = await startEchoPeer(['127.0.0.2'], { port: peerPort });
  await using dns = await startZoneServer(cluster());
  const pod = new AgentPod(directory, dns.port);
  const network: SettingsChanges['network'] = {
    protocols: ['UDP'],
    udp: { packets: 2, size: 100 },
    services: [`127.0.0.2:${peerPort}`],
    // The peer is this process: time enough for it to answer on a busy machine.
    intervalMs: 2000,
    timeoutMs: 2000,
  };
  pod.volume.update(encodeSettings(settings({ dns: { enabled: false }, network })));
  const port = await freePort();
  await using agent = pod.start(port);
  await agent.ready();

  // One peer answers; the other has never answered, and nobody listens there yet.
  const echo = (metric: string, address: string) => peer(metric, address).replace('TCP', 'UDP');
  const measured = await agent.metricsThat(
    (series) => series.get(echo('network_latency_seconds_count', '127.0.0.2'))! >= 6,
  );
  assert.equal(measured.get(echo('network_dial_error_total', '127.0.0.2')), 0);
  assert.equal(measured.get(echo('network_dial_error_total', '127.0.0.3')), 0);
  assert.ok(second.answered >= 6 && second.dropped.length === 0);
  assert.equal(measured.get('net_exporter_timing_info{probe="network",protocol="UDP",source="kernel"}'), 1);
  assert.equal(measured.get(peer('network_latency_seconds_count', '127.0.0.2')), 0, 'the Service is dialled by TCP');

  // The peer goes: its echoes are refused, and nothing else fails.
  second[Symbol.dispose]();
  const refused = await agent.metricsThat(
    (series) => series.get('network_failures_total{protocol="UDP",reason="refused"}')! >= 4,
  );
  assert.ok(refused.get(echo('network_dial_error_total', '127.0.0.2'))! >= 4);
  assert.equal(refused.get('network_failures_total{protocol="UDP",reason="lost"}'), 0);

  // It answers what others send, and nothing else; so too in the three seconds after the signal to stop.
  const probe = udpProbe();
  const ask = () => probe({ host: '127.0.0.1', port, packets: 3, size: 64 }, contextWith());
  assert.equal((await ask()).latencies.length, 3);
  const stranger = createSocket('udp4');
  await new Promise<void>((sent) => stranger.send('GET / HTTP/1.1', port, '127.0.0.1', () => sent()));
  stranger.close();
  const answered = await agent.metricsThat(
    (series) => series.get('net_exporter_echo_dropped_total{reason="foreign"}') === 1,
  );
  assert.equal(answered.get('net_exporter_echo_answers_total'), 3);
  agent.signal('SIGTERM');
  await eventually(
    () => agent.get('/-/ready').then(({ status }) => status === 503),
    () => 'ready is still true',
    1500,
  );
  assert.equal((await ask()).latencies.length, 3);
  assert.equal(await agent.exitCode(), 0);
  assert.deepEqual((await ask()).failures, ['refused', 'refused', 'refused']);
  assert.equal(agent.stderr, '');
});

test('an agent whose echo port is taken measures and serves all the same, and says so once', async () => {
  using directory = new TemporaryDirectory();
  using taken = await startEchoPeer(['127.0.0.1'], { port: await freePort() });
  const pod = new AgentPod(directory, 53);
  await using agent = pod.start(taken.port);
  await agent.ready();
  assert.equal((await agent.get('/metrics')).status, 200);
  const lines = agent.log.filter(({ msg }) => msg === 'UDP echo responder failed, will retry');
  assert.deepEqual(
    lines.map(({ address, code }) => [address, code]),
    [['127.0.0.1', 'EADDRINUSE']],
  );
});

test('dials that end without a word write nothing and leave nothing', async () => {
  using directory = new TemporaryDirectory();
  const port = await freePort();
  const pod = new AgentPod(directory, 53);
  pod.volume.update(encodeSettings(settings({ dns: { enabled: false }, network: { enabled: false } })));
  await using agent = pod.start(port);
  await agent.ready();
  const lines = agent.log.length;
  const descriptors = (await agent.series()).get('process_open_fds')!;
  for (let n = 0; n < 300; n++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    if (n % 3 === 0) socket.destroy();
    else socket.resetAndDestroy();
  }
  await agent.metricsThat((series) => series.get('process_open_fds')! <= descriptors);
  assert.equal(agent.log.length, lines);
  assert.equal(agent.stderr, '');
});

test('its metrics are those that are declared, as promtool would write them', async (t) => {
  using directory = new TemporaryDirectory();
  await using dns = await startZoneServer(cluster());
  const pod = new AgentPod(directory, dns.port);
  await using time = await startNtpServer((request, send) => send(ntpAnswer(request)));
  const ntp = { enabled: true, servers: [`127.0.0.1:${time.port}`], ...intervals };
  pod.volume.update(encodeSettings(settings({ network: { protocols: ['TCP', 'UDP'] }, ntp })));
  await using agent = pod.start(await freePort());
  await agent.ready();
  const server = `{server="127.0.0.1:${time.port}"}`;
  const measured = await agent.metricsThat(
    (series) =>
      series.get(`ntp_latency_seconds_count${server}`)! >= 1 &&
      ['dns_latency_seconds', 'network_echo_lost_total'].every((metric) =>
        [...series.keys()].some((name) => name.startsWith(metric)),
      ),
  );
  assert.ok(Math.abs(measured.get(`ntp_offset_seconds${server}`)!) < 1);
  assert.equal(measured.get(`ntp_stratum${server}`), 2);
  const input = await (await agent.get('/metrics')).text();
  const declared = agentMetrics().map(({ name }) => name);
  assert.deepEqual([...exposedFamilies(input).keys()].sort(), declared.sort());
  const promtool = builtProgram('promtool');
  if (!promtool) return t.skip('promtool is not built yet: the start of a local cluster does that');
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

test('an agent that cannot start says why and exits 1', async () => {
  using directory = new TemporaryDirectory();
  const pod = new AgentPod(directory, 53);
  {
    await using agent = pod.start(0);
    assert.equal(await agent.exitCode(), 1);
    assert.deepEqual([agent.log[0]?.code, agent.log.length], ['InvalidEnvironment', 1]);
  }
  const port = await freePort();
  await using taken = createServer().listen(port, '::');
  await once(taken, 'listening');
  await using agent = pod.start(port);
  assert.equal(await agent.exitCode(), 1);
  assert.equal(agent.log.at(-1)?.code, 'EADDRINUSE');
});

for (const [what, code] of Object.entries(unhandled))
  test(`an unhandled ${what} ends the agent with code 1, and its log says why without what is secret in it`, async () => {
    using directory = new TemporaryDirectory();
    await using agent = new AgentPod(directory, 1).start(await freePort(), failingOnSignal(code));
    await agent.ready();
    agent.signal('SIGUSR2');
    assert.equal(await agent.exitCode(), 1);
    const { level, msg, reason } = agent.log.at(-1)!;
    assert.deepEqual([level, msg], ['error', 'agent failed']);
    assert.match(reason as string, /\[redacted\]/);
    assert.doesNotMatch(JSON.stringify(agent.log) + agent.stderr, /opaque-token/);
  });
