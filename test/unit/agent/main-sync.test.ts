import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { encodeSettings, type Settings } from '../../../src/protocol/settings.ts';
import { syncServerName } from '../../../src/protocol/sync.ts';
import type { CertificateFiles } from '../../cluster/certificates.ts';
import { AgentPod, freePort } from './agent-process.ts';
import { assignmentWith } from './assignment-builder.ts';
import { eventually } from './eventually.ts';
import { accessTo, newAuthority, OperatorServer } from './servers/operator-server.ts';
import { startZoneServer } from './servers/zone-server.ts';
import { settingsWith } from './settings-builder.ts';
import { SimulatedOperator } from './simulated-operator.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

const intervals = { intervalMs: 300, timeoutMs: 300 };

/** Has the operator answer what comes over TLS. */
function served(
  operator: SimulatedOperator,
  certificate: CertificateFiles,
  seen: (headers: IncomingHttpHeaders) => void = () => {},
): Promise<OperatorServer> {
  operator.clock = systemClock;
  return OperatorServer.start(certificate, async ({ headers, body }, response) => {
    seen(headers);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.end(await operator.post(undefined as never, body, gone.signal));
  });
}

test('the whole agent, as a process: is told all over TLS, follows edits at once, and loses no report while authority, certificate and token are renewed', async () => {
  using directory = new TemporaryDirectory();
  const authority = await newAuthority(directory, 'authority');
  const operator = new SimulatedOperator();
  const tokens = new Set<string | undefined>();
  await using server = await served(operator, await authority.issue('operator', [syncServerName]), (headers) =>
    tokens.add(headers.authorization),
  );
  await using peers = createServer((socket) => socket.on('error', () => {}).resume());
  peers.listen(0, '127.0.0.2');
  await once(peers, 'listening');
  const { port: peerPort } = peers.address() as { port: number };
  await using dns = await startZoneServer(new Map([['kubernetes.default.svc.cluster.local', ['10.96.0.1']]]));

  const settings = (generation: number, hosts: string[] = []) =>
    settingsWith({
      resource: { generation },
      dns: { ...intervals, hosts, protocols: ['UDP'] },
      network: { ...intervals, services: [] },
    });
  const assigned = { address: `127.0.0.2:${peerPort}`, node: 'node-b', zone: 'zone-1' };
  operator.set({ settings: settings(1), assignment: assignmentWith({ revision: 3, peers: [assigned] }) });
  const pod = new AgentPod(directory, dns.port);
  pod.giveOperator(server.access(authority.ca), 'the.first.token');
  await using agent = pod.start(await freePort());
  await agent.ready();
  const peer = (metric: string) =>
    `${metric}{host="127.0.0.2:${peerPort}",peer_node="node-b",peer_zone="zone-1",protocol="TCP"}`;
  const dialled = peer('network_latency_seconds_count');
  const first = await agent.metricsThat((series) => series.get(dialled)! >= 3);
  assert.equal(first.get('net_exporter_assignment_revision'), 3);
  assert.equal(first.get('net_exporter_source_info{part="settings",source="sync"}'), 1);
  assert.ok(!dns.asked.some((question) => question.includes('agent-peers')));

  // Edits, each known to be held as soon as the agent asks again.
  for (let generation = 2; generation <= 11; generation++) {
    const editedAt = performance.now();
    operator.set({ settings: settings(generation, [`edit-${generation}.example.`]) });
    await eventually(
      () => operator.requests.at(-1)?.held.settings?.generation === generation,
      () => `generation ${generation}`,
    );
    assert.ok(performance.now() - editedAt < 5000);
  }
  await agent.metricsThat((series) => [...series.keys()].some((name) => name.includes('host="edit-11.example."')));

  // The authority is renewed: both are trusted for a while, then the certificate is the new one's.
  const renewed = await newAuthority(directory, 'renewed');
  const files = await renewed.issue('operator', [syncServerName]);
  const kept = server.connections;
  pod.giveOperator(server.access(authority.ca + renewed.ca), 'the.second.token');
  let generation = 12;
  await eventually(
    () => {
      operator.set({ settings: settings(generation++) });
      // Another access means another connection, with the next request.
      return server.connections > kept && tokens.has('Bearer the.second.token');
    },
    () => 'the new access is not used',
  );
  server.server.setSecureContext({
    cert: readFileSync(files.certificate),
    key: readFileSync(files.key),
    minVersion: 'TLSv1.3',
  });
  const connections = server.connections;
  server.cut();
  await eventually(
    () => server.connections > connections,
    () =>
      `${server.connections} connections, ${operator.requests.length} requests: ${JSON.stringify(agent.log.slice(-5))}`,
  );
  pod.giveOperator(server.access(renewed.ca), 'the.third.token');
  operator.set({ assignment: assignmentWith({ revision: 4, peers: [] }) });
  const after = await agent.metricsThat((series) => series.get('net_exporter_assignment_revision') === 4);
  assert.equal(after.get('net_exporter_sync_requests_total{result="untrusted"}'), 0);
  assert.ok(!after.has(dialled), 'the peer is gone, and its series');
  await eventually(
    () => tokens.has('Bearer the.third.token'),
    () => `${[...tokens]}`,
  );

  // No report was lost, none counted twice.
  operator.set({
    settings: settingsWith({ resource: { generation }, network: { enabled: false }, dns: { enabled: false } }),
  });
  await agent.metricsThat((series) => series.get('net_exporter_settings_generation') === generation);
  const sequences = operator.reports.map(({ sequence }) => sequence);
  assert.deepEqual(
    sequences,
    sequences.map((_, n) => n + 1),
  );
  assert.equal(new Set(operator.reports.map(({ stream }) => stream)).size, 1);
  assert.ok(
    operator.reports.some(({ targets }) => targets.some(({ node, attempts }) => node === 'node-b' && attempts > 0)),
  );

  // A signal while the operator holds a request.
  const signalledAt = performance.now();
  agent.signal('SIGTERM');
  assert.equal(await agent.exitCode(), 0);
  assert.ok(performance.now() - signalledAt < 5000);
  assert.equal(agent.stderr, '');
  assert.ok(!agent.log.some((line) => JSON.stringify(line).includes('.token')), 'no token is in the log');
});

test('an agent whose operator is newer, as a process: settings with fields that it does not know come once and are held, those of its file too', async () => {
  using directory = new TemporaryDirectory();
  const authority = await newAuthority(directory, 'authority');
  const operator = new SimulatedOperator();
  await using server = await served(operator, await authority.issue('operator', [syncServerName]));
  await using dns = await startZoneServer(new Map([['kubernetes.default.svc.cluster.local', ['10.96.0.1']]]));
  const settings = (generation: number) => {
    const known = settingsWith({ resource: { generation }, dns: intervals, network: { enabled: false } });
    return { ...known, dns: { ...known.dns, protocolOfNextYear: 'DoQ' }, more: [generation] } as Settings;
  };
  operator.set({ settings: settings(1), digest: 'more-than-the-agent-knows-1', assignment: assignmentWith() });
  const pod = new AgentPod(directory, dns.port);
  pod.volume.update(JSON.stringify(settings(1)));
  pod.giveOperator(server.access(authority.ca), 'a.good.token');
  await using agent = pod.start(await freePort());
  await agent.ready();
  const told = () => operator.requests.at(-1)?.held.settings;
  const holds = (generation: number) =>
    eventually(
      () => told()?.digest === `more-than-the-agent-knows-${generation}`,
      () => `generation ${generation}: ${JSON.stringify(told())}`,
    );
  await holds(1);
  // Each assignment makes it ask again: a chance to be given the same settings again.
  for (let revision = 2; revision <= 6; revision++) {
    operator.set({ assignment: assignmentWith({ revision }) });
    await eventually(
      () => operator.requests.at(-1)?.held.assignment?.revision === revision,
      () => `revision ${revision}`,
    );
  }
  operator.set({ settings: settings(2), digest: 'more-than-the-agent-knows-2' });
  await holds(2);
  const given = operator.answers.flatMap((answer) => (answer.settings ? [answer.settings.resource.generation] : []));
  assert.deepEqual(given, [1, 2]);
  const series = await agent.metricsThat((now) => now.get('net_exporter_settings_generation') === 2);
  assert.equal(series.get('net_exporter_settings_last_load_successful'), 1);
  assert.equal(agent.stderr, '');
});

test('an agent whose operator is an impostor tells it nothing, says so once, and measures by its file', async () => {
  using directory = new TemporaryDirectory();
  const [authority, other] = [await newAuthority(directory, 'authority'), await newAuthority(directory, 'other')];
  let requests = 0;
  await using impostor = await OperatorServer.start(await other.issue('operator', [syncServerName]), (_, response) => {
    requests++;
    response.end();
  });
  await using dns = await startZoneServer(new Map([['kubernetes.default.svc.cluster.local', ['10.96.0.1']]]));
  const pod = new AgentPod(directory, dns.port);
  pod.volume.update(encodeSettings(settingsWith({ dns: intervals, network: { enabled: false } })));
  pod.giveOperator(impostor.access(authority.ca), 'a.good.token');
  await using agent = pod.start(await freePort());
  await agent.ready();
  const series = await agent.metricsThat(
    (now) =>
      now.get('net_exporter_sync_requests_total{result="untrusted"}')! >= 4 &&
      [...now].some(([name, value]) => name.startsWith('dns_latency_seconds_count') && value >= 3),
  );
  assert.ok(series.get('net_exporter_sync_age_seconds')! > 0);
  assert.equal(requests, 0);
  assert.equal(
    agent.log.filter(({ msg }) => msg === 'cannot sync with the operator, keeping the current settings and peers')
      .length,
    1,
  );
  assert.equal(agent.stderr, '');
});

test('an agent that is told to stop, as a process, reports what it found last, so that the operator knows all that its metrics say', async () => {
  using directory = new TemporaryDirectory();
  const authority = await newAuthority(directory, 'authority');
  const operator = new SimulatedOperator();
  await using server = await served(operator, await authority.issue('operator', [syncServerName]));
  await using dns = await startZoneServer(new Map([['kubernetes.default.svc.cluster.local', ['10.96.0.1']]]));
  operator.set({ settings: settingsWith({ dns: intervals, network: { enabled: false } }) });
  const pod = new AgentPod(directory, dns.port);
  pod.giveOperator(server.access(authority.ca), 'a.good.token');
  await using agent = pod.start(await freePort());
  await agent.ready();
  const found = (series: Map<string, number>) =>
    [...series].reduce(
      (sum, [name, value]) => sum + (/^dns_(latency_seconds_count|resolve_error_total)/.test(name) ? value : 0),
      0,
    );
  const told = () =>
    operator.reports.flatMap(({ targets }) => targets).reduce((sum, { attempts }) => sum + attempts, 0);
  await agent.metricsThat((series) => found(series) >= 3);
  operator.set({ assignment: assignmentWith() });
  // It reports, and of what it finds from then on the operator knows nothing for as long as it holds the request.
  await agent.metricsThat((series) => told() > 0 && found(series) >= told() + 4);
  assert.equal(operator.requests.at(-1)?.leaving, undefined);
  agent.signal('SIGTERM');
  await eventually(
    () => agent.get('/-/ready').then(({ status }) => status === 503),
    () => 'still ready',
  );
  const last = found(await agent.series());
  assert.equal(await agent.exitCode(), 0);
  assert.equal(told(), last);
  assert.equal(operator.requests.at(-1)?.leaving, true);
  assert.equal(agent.log.at(-1)?.msg, 'stopping agent', 'and nothing went wrong');
  assert.equal(agent.stderr, '');
});

test('an agent whose operator never answers, or never gets as far as a handshake, takes no longer to stop', async () => {
  using directory = new TemporaryDirectory();
  const authority = await newAuthority(directory, 'authority');
  let requests = 0;
  await using silent = await OperatorServer.start(await authority.issue('operator', [syncServerName]), () => {
    requests++;
    return new Promise(() => {});
  });
  await using deaf = createServer((socket) => socket.on('error', () => {}).resume());
  deaf.listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  let connections = 0;
  deaf.on('connection', () => connections++);
  await using dns = await startZoneServer(new Map([['kubernetes.default.svc.cluster.local', ['10.96.0.1']]]));
  const { port } = deaf.address() as { port: number };
  const stop = async (access: ReturnType<OperatorServer['access']>, name: string, called: () => number) => {
    using files = new TemporaryDirectory();
    const pod = new AgentPod(files, dns.port);
    pod.volume.update(encodeSettings(settingsWith({ dns: intervals, network: { enabled: false } })));
    pod.giveOperator(access, 'a.good.token');
    await using agent = pod.start(await freePort());
    await agent.ready();
    await agent.metricsThat(
      (series) =>
        called() > 0 &&
        [...series].some(([metric, value]) => metric.startsWith('dns_latency_seconds_count') && value >= 2),
    );
    const before = called();
    const signalledAt = performance.now();
    agent.signal('SIGTERM');
    assert.equal(await agent.exitCode(), 0);
    assert.ok(performance.now() - signalledAt < 5000, name);
    assert.equal(called(), before + 1, `${name}: it is tried once more`);
    const { msg, code } = agent.log.at(-1)!;
    assert.deepEqual([msg, code], ['final report not delivered', 'timeout']);
  };
  await stop(silent.access(authority.ca), 'silent', () => requests);
  await stop(accessTo(port, authority.ca), 'deaf', () => connections);
});
