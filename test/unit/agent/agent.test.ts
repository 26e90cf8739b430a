import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeContext, ProbeResult } from '../../../src/agent/probes/probe.ts';
import { newNode, silence, success } from './agent-node.ts';
import { ConfigMapVolume } from './config-map-volume.ts';
import { settingsWith } from './settings-builder.ts';
import { subjectOf } from './target-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

const api = 'kubernetes.default.svc.cluster.local.';
const service = '10.96.0.20:8000';

test('settings and peers become targets, and their probes’ results metrics', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith());
  const { clock, asked, series, hosts } = node.start();
  await clock.advanceAsync(0);
  assert.equal(asked[0], 'default-agent-peers.monitoring.svc.cluster.local.');
  assert.deepEqual((await hosts('network_dial_error_total')).sort(), ['10.1.0.2:8000', '10.1.0.3:8000', service]);
  assert.deepEqual(await hosts('dns_resolve_error_total'), [api, api]);
  await clock.advanceAsync(30_000);
  const now = await series();
  assert.equal(
    now.get('network_latency_seconds_count{host="10.1.0.2:8000",peer_node="",peer_zone="",protocol="TCP"}'),
    3,
  );
  assert.equal(now.get(`dns_latency_seconds_count{host="${api}",protocol="UDP",server="10.96.0.10:53",type="A"}`), 3);
  assert.equal(now.get('net_exporter_settings_generation'), 1);
  assert.equal(now.get('net_exporter_settings_last_load_successful'), 1);
});

test('an edit reaches the targets within two seconds, and those it does not concern keep what they counted', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith({ dns: { hosts: ['a.', 'b.'] } }));
  const { clock, series, hosts } = node.start();
  await clock.advanceAsync(20_000);
  node.write(settingsWith({ resource: { generation: 2 }, dns: { hosts: ['b.', 'c.'], intervalMs: 5000 } }));
  await clock.advanceAsync(2000);
  assert.deepEqual([...new Set(await hosts('dns_resolve_error_total'))].sort(), ['b.', 'c.']);
  const now = await series();
  assert.ok(now.get('dns_latency_seconds_count{host="b.",protocol="UDP",server="10.96.0.10:53",type="A"}')! >= 2);
  assert.equal(now.get('net_exporter_settings_generation'), 2);
});

test('a broken settings file is reported once and the last good one goes on', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith({ resource: { generation: 3 } }));
  const { clock, series, hosts, logged } = node.start();
  await clock.advanceAsync(0);
  const before = await hosts('network_dial_error_total');
  node.volume.update('{"version": 1}');
  await clock.advanceAsync(20_000);
  const now = await series();
  assert.equal(now.get('net_exporter_settings_load_error_total'), 1);
  assert.equal(now.get('net_exporter_settings_last_load_successful'), 0);
  assert.equal(now.get('net_exporter_settings_generation'), 3);
  assert.deepEqual(await hosts('network_dial_error_total'), before);
  assert.deepEqual(
    logged.filter((line) => line.startsWith('error')),
    ['error cannot load the settings file: resource must be an object'],
  );
  node.write(settingsWith({ resource: { generation: 4 } }));
  await clock.advanceAsync(2000);
  assert.equal((await series()).get('net_exporter_settings_last_load_successful'), 1);
});

test('a file of an older generation is left alone, one of another NetExporter is taken', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith({ resource: { generation: 7 } }));
  const { clock, series, logged } = node.start();
  node.write(settingsWith({ resource: { generation: 6 } }));
  await clock.advanceAsync(2000);
  assert.equal((await series()).get('net_exporter_settings_generation'), 7);
  assert.ok(logged.includes('warn ignoring settings of an older generation'));
  node.write(settingsWith({ resource: { uid: 'uid-2', generation: 1 } }));
  await clock.advanceAsync(2000);
  assert.equal((await series()).get('net_exporter_settings_generation'), 1);
});

test('an agent that starts again without its file and without DNS goes on with what it knew', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith({ resource: { generation: 5 }, dns: { hosts: ['a.'] } }));
  const first = node.start();
  await first.clock.advanceAsync(10_000);
  const known = (await first.hosts('network_dial_error_total')).sort();
  first.agent.stop();
  node.volume.update('');
  node.world.answers = silence;
  const second = node.start();
  await second.clock.advanceAsync(30_000);
  const now = await second.series();
  assert.equal(now.get('net_exporter_settings_generation'), 5);
  assert.equal(now.get('net_exporter_settings_last_load_successful'), 0);
  assert.deepEqual((await second.hosts('network_dial_error_total')).sort(), known);
  assert.equal(known.length, 3);
  assert.ok(now.get('net_exporter_peer_lookup_error_total')! > 1);
  assert.equal(second.logged.filter((line) => line.includes('peer lookup failed')).length, 1);
});

test('peers that were known of another Service are not taken over', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith());
  const first = node.start();
  await first.clock.advanceAsync(0);
  first.agent.stop();
  node.write(
    settingsWith({ resource: { generation: 2 }, network: { peerService: 'other-agent-peers.monitoring.svc' } }),
  );
  node.world.answers = silence;
  const second = node.start();
  await second.clock.advanceAsync(0);
  assert.deepEqual(await second.hosts('network_dial_error_total'), [service]);
});

test('an agent without any settings probes nothing, says so, and begins when they come', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  const { clock, logged, asked, series, hosts } = node.start();
  await clock.advanceAsync(20_000);
  assert.deepEqual(asked, []);
  assert.equal((await series()).get('net_exporter_settings_load_error_total'), 1);
  assert.equal(logged.length, 1);
  node.write(settingsWith());
  await clock.advanceAsync(2000);
  assert.equal((await hosts('network_dial_error_total')).length, 3);
});

test('a probe that rejects is a fault of the agent and touches no other target', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith());
  node.world.attempt = async (target) => {
    if (subjectOf(target) === '10.1.0.2:8000')
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    return success;
  };
  const { clock, series, logged } = node.start();
  await clock.advanceAsync(30_000);
  const now = await series();
  assert.equal(now.get('network_error_total'), 3);
  assert.equal(now.get('dns_error_total'), 0);
  const of = (metric: string, ip: string) =>
    now.get(`${metric}{host="${ip}:8000",peer_node="",peer_zone="",protocol="TCP"}`);
  assert.deepEqual(
    [of('network_latency_seconds_count', '10.1.0.2'), of('network_dial_error_total', '10.1.0.2')],
    [0, 0],
  );
  assert.equal(of('network_latency_seconds_count', '10.1.0.3'), 3);
  assert.equal(logged.filter((line) => line.includes('too many open files')).length, 1);
});

test('a target that leaves takes its probe in flight with it, and its series stay away', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith({ dns: { enabled: false } }));
  const inFlight: { host: string; context: ProbeContext; finish: (result: ProbeResult) => void }[] = [];
  node.world.attempt = (target, context) =>
    new Promise((finish) => inFlight.push({ host: subjectOf(target), context, finish }));
  const { clock, series, hosts } = node.start();
  await clock.advanceAsync(11_000);
  assert.equal(inFlight.length, 3);
  node.world.answers = { A: ['10.1.0.1', '10.1.0.3'], AAAA: [] };
  await clock.advanceAsync(5000);
  const gone = inFlight.find(({ host }) => host === '10.1.0.2:8000')!;
  assert.ok(gone.context.signal.aborted);
  // As a probe that takes no notice of the signal, and as one whose answer was already on its way.
  for (const { finish } of inFlight) finish({ ...success, failures: ['timeout'], retransmits: 1 });
  await clock.advanceAsync(0);
  assert.deepEqual((await hosts('network_latency_seconds_count')).sort(), ['10.1.0.3:8000', service]);
  assert.equal((await series()).get('network_failures_total{protocol="TCP",reason="timeout"}'), 2);
});

test('what a probe brings from before its target left is not counted for the target that came back', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith({ dns: { enabled: false } }));
  const inFlight: { host: string; finish: (result: ProbeResult) => void }[] = [];
  node.world.attempt = (target) => new Promise((finish) => inFlight.push({ host: subjectOf(target), finish }));
  const { clock, series } = node.start();
  await clock.advanceAsync(11_000);
  const before = inFlight.find(({ host }) => host === '10.1.0.2:8000')!;
  const all = node.world.answers;
  node.world.answers = { A: ['10.1.0.3'], AAAA: [] };
  await clock.advanceAsync(5000);
  node.world.answers = all;
  await clock.advanceAsync(5000);
  before.finish(success);
  await clock.advanceAsync(0);
  assert.equal(
    (await series()).get(
      'network_latency_seconds_count{host="10.1.0.2:8000",peer_node="",peer_zone="",protocol="TCP"}',
    ),
    0,
  );
});

test('what is known of a target’s failures goes with it', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith({ dns: { enabled: false } }));
  node.world.attempt = async () => ({ ...success, latencies: [], failures: ['timeout'] });
  const { clock, logged } = node.start();
  // Long enough for a new target's grace to end and its next turn to come.
  await clock.advanceAsync(30_000);
  const failures = () => logged.filter((line) => line === 'warn target is failing: timeout').length;
  assert.equal(failures(), 3);
  const all = node.world.answers;
  node.world.answers = { A: [], AAAA: [] };
  await clock.advanceAsync(5000);
  node.world.answers = all;
  await clock.advanceAsync(30_000);
  assert.equal(failures(), 5, 'the two peers that came back are written about anew, the Service is not');
});

test('an agent that is stopped leaves no timer and aborts what is in flight', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith());
  const signals: AbortSignal[] = [];
  node.world.attempt = (_, { signal }) => {
    signals.push(signal);
    return new Promise(() => {});
  };
  const { agent, clock } = node.start();
  await clock.advanceAsync(11_000);
  assert.equal(signals.length, 5);
  agent.stop();
  assert.ok(signals.every(({ aborted }) => aborted));
  assert.equal(clock.pending, 0);
});

test('a copy that cannot be written is said once and hinders nothing', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(settingsWith());
  // A file where the directory should be.
  new ConfigMapVolume(directory.path, 'state');
  const { clock, logged, hosts } = node.start();
  await clock.advanceAsync(20_000);
  assert.equal((await hosts('network_dial_error_total')).length, 3);
  assert.equal(logged.filter((line) => line.startsWith('warn cannot write the state cache')).length, 1);
});

test('a spec with more lookups than one agent may make is cut, which is counted and logged until it is smaller', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  const hosts = Array.from({ length: 64 }, (_, index) => `host-${index}.`);
  const servers = Array.from({ length: 16 }, (_, index) => `10.1.9.${index + 1}:53`);
  node.write(settingsWith({ dns: { hosts, servers, recordTypes: ['A', 'AAAA'], intervalMs: 60_000 } }));
  const { clock, logged, series } = node.start();
  await clock.advanceAsync(10_000);
  const counts = [...(await series()).keys()].filter((name) => name.startsWith('dns_latency_seconds_count'));
  assert.equal(counts.length, 1000);
  assert.equal((await series()).get('net_exporter_targets_left_out{limit="lookups"}'), 64 * 17 * 4 - 1000);
  assert.equal(logged.filter((line) => line.startsWith('warn too many targets')).length, 1);
  node.write(settingsWith({ resource: { generation: 2 }, dns: { hosts: hosts.slice(0, 2) } }));
  await clock.advanceAsync(10_000);
  assert.equal((await series()).get('net_exporter_targets_left_out{limit="lookups"}'), 0);
  assert.equal(logged.filter((line) => line.startsWith('info all targets are probed again')).length, 1);
});

test('a turn that a peer of an older version answered counts its losses only', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  const losses = { forward: 1, return: 0, unknown: 0 };
  node.world.attempt = async ({ subject }) =>
    'protocol' in subject && subject.protocol === 'UDP' && !('name' in subject)
      ? { ...success, latencies: [], losses, refusedTimes: 2, skipped: 'version' }
      : success;
  node.write(settingsWith({ dns: { enabled: false }, network: { protocols: ['TCP', 'UDP'] } }));
  const { clock, series } = node.start();
  await clock.advanceAsync(30_000);
  const now = await series();
  const sum = (name: string) =>
    [...now].reduce((total, [key, value]) => total + (key.startsWith(name) && key.includes(name) ? value : 0), 0);
  const turns = now.get('net_exporter_turns_skipped_total{reason="version"}')!;
  assert.ok(turns >= 4, `${turns}`);
  assert.equal(sum('network_echo_lost_total{direction="forward"'), turns);
  assert.equal(now.get('net_exporter_timing_refused_total'), 2 * turns);
  const udp = [...now].filter(([name]) => name.includes('protocol="UDP"') && /_count|_error/.test(name));
  assert.ok(udp.length >= 4 && udp.every(([, value]) => value === 0));
});

test('with UDP on and five peers an agent has at most 550 series: six nodes, three DNS servers', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.world.answers = { A: [1, 2, 3, 4, 5, 6].map((n) => `10.1.0.${n}`), AAAA: [] };
  const servers = ['10.0.0.1:53', '10.0.0.2:53'];
  node.write(settingsWith({ dns: { servers }, network: { protocols: ['TCP', 'UDP'] } }));
  const { clock, series } = node.start();
  await clock.advanceAsync(30_000);
  const now = await series();
  assert.equal([...now.keys()].filter((name) => /^network_latency_seconds_count.*UDP/.test(name)).length, 5);
  assert.ok(now.size <= 550, `${now.size} series`);
});

test('at the defaults an agent has at most 550 series, in the largest cluster, dual stack, with three DNS servers', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  node.write(
    settingsWith({
      dns: { servers: ['10.1.9.1:53', '10.1.9.2:53'] },
      network: { services: [service, '[fd00::20]:8000'] },
    }),
  );
  node.world.answers = {
    A: Array.from({ length: 5000 }, (_, n) => `10.2.${n >> 8}.${n & 255}`),
    AAAA: Array.from({ length: 5000 }, (_, n) => `fd00::1:${n.toString(16)}`),
  };
  const { clock, series, hosts } = node.start();
  await clock.advanceAsync(30_000);
  assert.equal((await hosts('network_dial_error_total')).length, 12);
  const { size } = await series();
  assert.ok(size <= 550, `${size} series`);
  assert.ok(size > 400, `${size} series: the test counts what it should`);
});

test('a time server that asks for silence gets it for an hour, in which its turns go on failing; edits do not end it', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  const servers = ['10.0.0.123:123', '10.0.0.124:123'];
  const ntp = { enabled: true, servers, intervalMs: 60_000, timeoutMs: 1000 };
  const quiet = { dns: { enabled: false }, network: { enabled: false }, ntp };
  node.write(settingsWith(quiet));
  const asked: string[] = [];
  node.world.attempt = async (target) => {
    asked.push(subjectOf(target));
    return subjectOf(target) === servers[0]
      ? { ...success, latencies: [], failures: ['kiss_of_death'], kiss: 'DENY' }
      : { ...success, clock: { stratum: 2, offsetSeconds: 0.25 } };
  };
  const { clock, series, logged } = node.start();
  await clock.advanceAsync(10 * 60_000);
  node.write(settingsWith({ ...quiet, resource: { generation: 2 } }));
  await clock.advanceAsync(10 * 60_000);
  const times = (server: string) => asked.filter((name) => name === server).length;
  assert.deepEqual(servers.map(times), [1, 20]);
  const now = await series();
  assert.equal(now.get('ntp_failures_total{reason="kiss_of_death",server="10.0.0.123:123"}'), 20);
  assert.equal(now.get('ntp_kiss_of_death_total{code="DENY",server="10.0.0.123:123"}'), 1);
  assert.equal(now.get('ntp_latency_seconds_count{server="10.0.0.124:123"}'), 20);
  assert.equal(now.get('ntp_offset_seconds{server="10.0.0.124:123"}'), 0.25);
  assert.equal(logged.filter((line) => line === 'warn target is failing: kiss_of_death').length, 1);
  await clock.advanceAsync(50 * 60_000);
  assert.equal(times(servers[0]!), 2);
});

test('a time server that is asked too often is asked less often, and no turn left out counts as anything', async () => {
  using directory = new TemporaryDirectory();
  const node = newNode(directory);
  const ntp = { enabled: true, servers: ['10.0.0.123:123'], intervalMs: 60_000, timeoutMs: 1000 };
  node.write(settingsWith({ dns: { enabled: false }, network: { enabled: false }, ntp }));
  let asked = 0;
  node.world.attempt = async () =>
    asked++ === 0
      ? { ...success, latencies: [], failures: ['kiss_of_death'], kiss: 'RATE' }
      : { ...success, clock: { stratum: 2, offsetSeconds: 0.25 } };
  const { clock, series, logged } = node.start();
  await clock.advanceAsync(20 * 60_000);
  assert.equal(asked, 10);
  const now = await series();
  assert.equal(now.get('ntp_latency_seconds_count{server="10.0.0.123:123"}'), 9);
  assert.equal(now.get('ntp_sync_error_total{server="10.0.0.123:123"}'), 1);
  assert.equal(
    now.get('ntp_offset_seconds{server="10.0.0.123:123"}'),
    0.25,
    'what is known stays through turns left out',
  );
  assert.equal(logged.filter((line) => line.includes('target recovered')).length, 1);
});
