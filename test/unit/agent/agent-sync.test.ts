import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { assignmentTimeoutMs } from '../../../src/agent/sources/fallback-peers.ts';
import { revertAfterMs } from '../../../src/agent/sources/source-decision.ts';
import { holdMs, settingsDigest } from '../../../src/protocol/sync.ts';
import { newNode, silence, success } from './agent-node.ts';
import { assignmentWith } from './assignment-builder.ts';
import { settingsWith } from './settings-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

const service = '10.96.0.20:8000';
const assigned = ['10.2.0.2:8000', '10.2.0.3:8000'];
const listed = ['10.1.0.2:8000', '10.1.0.3:8000'];
const source = (part: string, from: string) => `net_exporter_source_info{part="${part}",source="${from}"}`;
const peer = (metric: string, host: string, node: string, zone: string) =>
  `${metric}{host="${host}",peer_node="${node}",peer_zone="${zone}",protocol="TCP"}`;

/** A node with an operator that is up and has settings and an assignment. */
function operated(directory: TemporaryDirectory) {
  const node = newNode(directory);
  node.writeAccess();
  node.operator.set({ settings: settingsWith(), assignment: assignmentWith() });
  const dialled = async (agent: ReturnType<typeof node.start>) =>
    (await agent.hosts('network_dial_error_total')).filter((host) => host !== service).sort();
  return { ...node, dialled };
}

test('source 1: an agent that knows nothing gets all from the operator, and never asks DNS for peers', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled } = operated(directory);
  operator.set({ assignment: assignmentWith({ revision: 7, dnsServers: ['10.2.9.1:53'] }) });
  const agent = start();
  await agent.clock.advanceAsync(60_000);
  assert.deepEqual(await dialled(agent), assigned);
  assert.deepEqual(agent.asked, []);
  const series = await agent.series();
  assert.equal(series.get(peer('network_latency_seconds_count', '10.2.0.2:8000', 'node-b', 'zone-1')), 6);
  assert.ok([...series.keys()].some((name) => name.startsWith('dns_') && name.includes('server="10.2.9.1:53"')));
  assert.equal(series.get('net_exporter_settings_generation'), 1);
  assert.equal(series.get('net_exporter_assignment_revision'), 7);
  assert.equal(series.get(source('settings', 'sync')), 1);
  assert.equal(series.get(source('peers', 'sync')), 1);
  assert.ok(series.get('net_exporter_sync_age_seconds')! <= holdMs / 1000);
  assert.deepEqual(operator.requests.at(-1)?.held, {
    settings: { uid: 'uid-1', generation: 1, digest: settingsDigest(settingsWith()) },
    assignment: { uid: 'uid-1', epoch: 1, revision: 7 },
  });
});

test('an agent exposes its node, and the zone that it was told last, also after a restart without the operator', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator } = operated(directory);
  const infoOf = async (agent: ReturnType<typeof start>) =>
    [...(await agent.series())].filter(([name]) => name.startsWith('net_exporter_agent_info'));
  const info = (zone: string) => [[`net_exporter_agent_info{agent_node="node-a",agent_zone="${zone}"}`, 1]];
  const first = start();
  assert.deepEqual(await infoOf(first), info(''));
  await first.clock.advanceAsync(1000);
  assert.deepEqual(await infoOf(first), info('zone-0'));
  operator.set({ assignment: assignmentWith({ revision: 2, zone: 'zone-9' }) });
  await first.clock.advanceAsync(20_000);
  assert.deepEqual(await infoOf(first), info('zone-9'));
  first.agent.stop();
  operator.leave();
  assert.deepEqual(await infoOf(start()), info('zone-9'));
});

test('source 2: with the operator away an agent takes the file’s settings at once', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, write } = operated(directory);
  operator.leave();
  write(settingsWith({ resource: { generation: 4 } }));
  const agent = start();
  await agent.clock.advanceAsync(0);
  assert.equal((await agent.series()).get(source('settings', 'file')), 1);
  assert.equal((await agent.hosts('dns_resolve_error_total')).length, 2);
});

test('source 3: with operator and file away an agent that starts again goes on with its own copy, peers too, at once', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled, world } = operated(directory);
  const first = start();
  await first.clock.advanceAsync(20_000);
  first.agent.stop();
  operator.leave();
  world.answers = silence;
  const second = start();
  await second.clock.advanceAsync(0);
  assert.deepEqual(await dialled(second), assigned);
  await second.clock.advanceAsync(600_000);
  assert.deepEqual(await dialled(second), assigned);
  assert.deepEqual(second.asked, []);
  const series = await second.series();
  assert.deepEqual([series.get(source('settings', 'copy')), series.get(source('peers', 'copy'))], [1, 1]);
  assert.equal(series.get(peer('network_latency_seconds_count', '10.2.0.2:8000', 'node-b', 'zone-1')), 60);
});

test('an agent says from its first request on what it holds, of its own copy and of the file', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, write } = operated(directory);
  write(settingsWith());
  const first = start();
  await first.clock.advanceAsync(1000);
  const settings = { uid: 'uid-1', generation: 1, digest: settingsDigest(settingsWith()) };
  assert.deepEqual(operator.requests[0]?.held, { settings });
  first.agent.stop();
  await first.clock.advanceAsync(0);
  const before = operator.requests.length;
  const second = start();
  await second.clock.advanceAsync(1000);
  const assignment = { uid: 'uid-1', epoch: 1, revision: 1 };
  assert.deepEqual(operator.requests[before]?.held, { settings, assignment });
  assert.deepEqual(
    operator.answers.filter((answer) => answer.settings),
    [],
    'it had them all along',
  );
});

test('source 4: with no assignment for ten seconds the agents’ Service gives peers, until there is one', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled, write } = operated(directory);
  operator.away = true;
  write(settingsWith());
  const agent = start();
  await agent.clock.advanceAsync(assignmentTimeoutMs - 1);
  assert.deepEqual([await dialled(agent), agent.asked], [[], []]);
  await agent.clock.advanceAsync(1);
  assert.deepEqual(await dialled(agent), listed);
  await agent.clock.advanceAsync(60_000);
  assert.equal((await agent.series()).get(source('peers', 'service')), 1);
  const lookups = agent.asked.length;
  assert.ok(lookups > 10);
  operator.away = false;
  await agent.clock.advanceAsync(10_000);
  assert.deepEqual(await dialled(agent), assigned);
  const afterwards = agent.asked.length;
  assert.ok(afterwards <= lookups + 2);
  await agent.clock.advanceAsync(600_000);
  assert.equal(agent.asked.length, afterwards, 'agents that sync are no load to DNS');
});

test('an operator that knows the agent but has not assigned yet is not one that assigns nobody', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled } = operated(directory);
  operator.assignment = undefined;
  const agent = start();
  await agent.clock.advanceAsync(assignmentTimeoutMs);
  assert.deepEqual(await dialled(agent), listed);
  operator.set({ assignment: assignmentWith({ peers: [] }) });
  await agent.clock.advanceAsync(600_000);
  assert.deepEqual(await dialled(agent), []);
});

test('with the operator gone an agent goes on with what it knows, asks now and then, and says so once', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled } = operated(directory);
  const agent = start();
  await agent.clock.advanceAsync(70_000);
  operator.leave();
  await agent.clock.advanceAsync(3_600_000);
  assert.deepEqual(await dialled(agent), assigned);
  assert.deepEqual(agent.asked, []);
  const series = await agent.series();
  assert.equal(series.get(peer('network_latency_seconds_count', '10.2.0.3:8000', 'node-c', 'zone-2')), 367);
  assert.ok(series.get('net_exporter_sync_age_seconds')! >= 3600);
  const requests = series.get('net_exporter_sync_requests_total{result="unreachable"}')!;
  assert.ok(requests > 720 && requests < 1500, `${requests} requests in an hour`);
  assert.equal(agent.logged.filter((line) => line.startsWith('warn')).length, 1);
  operator.away = false;
  await agent.clock.advanceAsync(5000 + holdMs);
  assert.ok((await agent.series()).get('net_exporter_sync_age_seconds')! < 5);
  assert.equal(agent.logged.at(-1), 'info in sync with the operator');
});

test('an edit is in effect with the answer that brings it; no turn of a target that stays is skipped or doubled', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, world } = operated(directory);
  const turns = new Map<string, number[]>();
  const agent = start();
  world.attempt = async (target) => {
    turns.set(target.key, [...(turns.get(target.key) ?? []), agent.clock.monotonic()]);
    return success;
  };
  await agent.clock.advanceAsync(10_000);
  const [kept, others] = [assignmentWith().peers[0]!, assignmentWith().peers[1]!];
  for (let edit = 2; edit <= 100; edit++) {
    operator.set({
      settings: settingsWith({ resource: { generation: edit }, dns: { hosts: ['stays.', `edit-${edit}.`] } }),
      assignment: assignmentWith({
        revision: edit,
        peers: edit % 2 ? [kept, others] : [{ address: `10.3.0.${edit}:8000`, node: `node-${edit}`, zone: '' }, kept],
      }),
    });
    await agent.clock.advanceAsync(1);
    const hosts = await agent.hosts('dns_resolve_error_total');
    assert.deepEqual([...new Set(hosts)].sort(), [`edit-${edit}.`, 'stays.']);
    await agent.clock.advanceAsync(3000 - 1);
    assert.equal(operator.requests.at(-1)?.held.settings?.generation, edit, 'and the operator knows');
  }
  const series = await agent.series();
  for (const reason of ['running', 'late'])
    assert.equal(series.get(`net_exporter_turns_skipped_total{reason="${reason}"}`), 0);
  const staying = [...turns].filter(([key]) => key.includes('stays.') || key.includes('10.2.0.2:8000'));
  assert.equal(staying.length, 3);
  for (const [key, times] of staying) {
    for (const [n, at] of times.entries()) if (n > 0) assert.ok(Math.abs(at - times[n - 1]! - 10_000) < 1e-6, key);
    assert.ok(times.length >= 28, `${key}: ${times.length} turns`);
  }
});

test('a file that comes late with what the operator has said is no news, and one that stays behind has no say', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, write } = operated(directory);
  write(settingsWith());
  const agent = start();
  await agent.clock.advanceAsync(1000);
  operator.set({ settings: settingsWith({ resource: { generation: 2 } }) });
  await agent.clock.advanceAsync(1000);
  write(settingsWith());
  await agent.clock.advanceAsync(60_000);
  write(settingsWith({ resource: { generation: 2 } }));
  await agent.clock.advanceAsync(60_000);
  assert.equal((await agent.series()).get('net_exporter_settings_generation'), 2);
  assert.equal(agent.logged.filter((line) => line.includes('applied settings')).length, 2);
});

test('a replayed answer of an earlier time changes nothing, and is not asked for in a circle', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled } = operated(directory);
  operator.set({ settings: settingsWith({ resource: { generation: 8 } }), assignment: assignmentWith({ epoch: 4 }) });
  const agent = start();
  await agent.clock.advanceAsync(1000);
  const requests = operator.requests.length;
  const old = { address: '10.9.0.9:8000', node: 'node-x', zone: '' };
  operator.set({ settings: settingsWith(), assignment: assignmentWith({ epoch: 3, revision: 99, peers: [old] }) });
  await agent.clock.advanceAsync(revertAfterMs - 5000);
  assert.deepEqual(await dialled(agent), assigned);
  assert.equal((await agent.series()).get('net_exporter_settings_generation'), 8);
  assert.ok(operator.requests.length - requests < 15, `${operator.requests.length - requests} requests`);
  assert.equal(agent.logged.filter((line) => line.startsWith('warn')).length, 2);
  // It was no replay: the store has gone back.
  await agent.clock.advanceAsync(15_000);
  assert.deepEqual(await dialled(agent), ['10.9.0.9:8000']);
  assert.equal((await agent.series()).get('net_exporter_settings_generation'), 1);
});

test('an agent of another version than the operator’s is given settings once, also those that it has, and holds them', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, write } = operated(directory);
  write(settingsWith());
  operator.set({ digest: 'of more fields than the agent knows' });
  const given = () => operator.answers.filter(({ settings }) => settings).length;
  const held = () => operator.requests.at(-1)!.held.settings;
  const first = start();
  await first.clock.advanceAsync(600_000);
  assert.equal(given(), 1);
  assert.deepEqual(held(), { uid: 'uid-1', generation: 1, digest: 'of more fields than the agent knows' });
  assert.equal(first.logged.filter((line) => line.includes('applied settings')).length, 1);
  // The operator is of another version now.
  operator.set({ digest: 'of fewer' });
  await first.clock.advanceAsync(600_000);
  assert.deepEqual([given(), held()?.digest], [2, 'of fewer']);
  operator.set({ settings: settingsWith({ resource: { generation: 2 } }), digest: 'of an edit' });
  await first.clock.advanceAsync(1000);
  assert.deepEqual([given(), held()?.digest, held()?.generation], [3, 'of an edit', 2]);
  first.agent.stop();

  const second = start();
  await second.clock.advanceAsync(600_000);
  assert.deepEqual([given(), held()?.digest], [4, 'of an edit']);
  assert.equal((await second.series()).get(source('settings', 'copy')), 1, 'they were the same');
});

test('CR deleted and made anew: another uid ends settings, peers and what the own copy says of them', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled } = operated(directory);
  operator.set({ settings: settingsWith({ resource: { generation: 9 } }), assignment: assignmentWith({ epoch: 5 }) });
  const first = start();
  await first.clock.advanceAsync(1000);
  operator.assignment = undefined;
  operator.set({ settings: settingsWith({ resource: { uid: 'uid-2' }, dns: { hosts: ['new.'] } }) });
  await first.clock.advanceAsync(1000);
  assert.deepEqual(await dialled(first), []);
  assert.deepEqual([...new Set(await first.hosts('dns_resolve_error_total'))], ['new.']);
  first.agent.stop();
  operator.leave();
  const second = start();
  await second.clock.advanceAsync(1000);
  assert.deepEqual(await dialled(second), [], 'no peers of the NetExporter that was');
  assert.deepEqual([...new Set(await second.hosts('dns_resolve_error_total'))], ['new.']);
});

test('CR deleted and made anew, restart while the file is behind: what the operator said goes on, and nothing is said anew', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled, write } = operated(directory);
  write(settingsWith({ resource: { generation: 9 } }));
  operator.set({ settings: settingsWith({ resource: { generation: 9 } }) });
  const first = start();
  await first.clock.advanceAsync(1000);
  const [remade, itsAssignment] = [settingsWith({ resource: { uid: 'uid-2' } }), assignmentWith({ uid: 'uid-2' })];
  operator.set({ settings: remade, assignment: itsAssignment });
  await first.clock.advanceAsync(1000);
  first.agent.stop();
  await first.clock.advanceAsync(0);
  const answers = operator.answers.length;
  const second = start();
  await second.clock.advanceAsync(0);
  assert.deepEqual(await dialled(second), assigned);
  await second.clock.advanceAsync(40_000);
  write(remade);
  await second.clock.advanceAsync(40_000);
  assert.deepEqual(await dialled(second), assigned);
  assert.deepEqual(
    operator.answers.slice(answers).filter(({ settings, assignment }) => settings ?? assignment),
    [],
  );
  assert.deepEqual(operator.requests.at(-1)?.held, {
    settings: { uid: 'uid-2', generation: 1, digest: settingsDigest(remade) },
    assignment: { uid: 'uid-2', epoch: 1, revision: 1 },
  });
  assert.equal(second.logged.filter((line) => line.includes('applied settings')).length, 1);
});

test('an own copy of the version before, which knew nothing of what was given up, is read', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, dialled } = operated(directory);
  const first = start();
  await first.clock.advanceAsync(1000);
  first.agent.stop();
  rmSync(directory.file('state/former.json'));
  operator.leave();
  const second = start();
  await second.clock.advanceAsync(0);
  assert.deepEqual(await dialled(second), assigned);
});

test('an access that comes later is used within a second; when it goes the Service gives peers as before', async () => {
  using directory = new TemporaryDirectory();
  const { start, write, writeAccess, removeAccess, dialled, operator } = operated(directory);
  removeAccess();
  write(settingsWith());
  const agent = start();
  await agent.clock.advanceAsync(60_000);
  assert.deepEqual([await dialled(agent), operator.requests.length], [listed, 0]);
  assert.equal((await agent.series()).get('net_exporter_sync_age_seconds'), 0);
  writeAccess();
  await agent.clock.advanceAsync(1000);
  assert.deepEqual(await dialled(agent), assigned);
  removeAccess();
  await agent.clock.advanceAsync(1000);
  assert.deepEqual(await dialled(agent), listed);
  const requests = operator.requests.length;
  await agent.clock.advanceAsync(60_000);
  assert.equal(operator.requests.length, requests);
  assert.equal((await agent.series()).get('net_exporter_assignment_revision'), 0);
});

test('an access that cannot be used is said once, and the one before stays', async () => {
  using directory = new TemporaryDirectory();
  const { start, writeAccess, dialled, operator } = operated(directory);
  const agent = start();
  await agent.clock.advanceAsync(1000);
  writeAccess('{"version": 1}');
  await agent.clock.advanceAsync(60_000);
  assert.deepEqual(await dialled(agent), assigned);
  assert.ok(operator.requests.length > 3);
  assert.deepEqual(
    agent.logged.filter((line) => line.startsWith('error cannot load the sync access')),
    ['error cannot load the sync access file: addresses must be a list of at most 2 items'],
  );
});

test('what the operator has been told adds up to what the metrics say, through an outage and a change of targets', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, world } = operated(directory);
  let turn = 0;
  world.attempt = async () =>
    turn++ % 5 === 0 ? { ...success, latencies: [], failures: ['timeout'], retransmits: 2 } : success;
  const agent = start();
  await agent.clock.advanceAsync(100_000);
  operator.leave();
  await agent.clock.advanceAsync(100_000);
  operator.set({ settings: settingsWith({ resource: { generation: 2 }, network: { services: [] } }) });
  operator.away = false;
  await agent.clock.advanceAsync(100_000);
  world.attempt = () => new Promise(() => {});
  await agent.clock.advanceAsync(2 * holdMs);
  const series = await agent.series();
  const told = (host: string, count: (target: (typeof operator.reports)[0]['targets'][0]) => number) =>
    operator.reports
      .flatMap(({ targets }) => targets)
      .reduce((sum, target) => sum + (target.host === host ? count(target) : 0), 0);
  for (const [host, node, zone] of [
    ['10.2.0.2:8000', 'node-b', 'zone-1'],
    ['10.2.0.3:8000', 'node-c', 'zone-2'],
  ] as const) {
    const failed = series.get(peer('network_dial_error_total', host, node, zone))!;
    const succeeded = series.get(peer('network_latency_seconds_count', host, node, zone))!;
    assert.ok(failed > 0 && succeeded > 0);
    assert.equal(
      told(host, ({ failures }) => failures.timeout ?? 0),
      failed,
    );
    assert.equal(
      told(host, ({ attempts }) => attempts),
      failed + succeeded,
    );
    assert.equal(
      told(host, ({ retransmits }) => retransmits),
      series.get(peer('network_retransmits_total', host, node, zone)),
    );
  }
  assert.ok(told(service, ({ attempts }) => attempts) >= 18, 'what a target that is gone had found is told too');
  assert.ok(
    operator.reports.some(({ spanMs }) => spanMs > 100_000),
    'an outage is one report',
  );
});

test('turns of a target that has not started yet, and faults of the agent, are not reported', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator, world } = operated(directory);
  world.attempt = async ({ probe }) => {
    if (probe === 'dns') throw new Error('too many open files');
    return { ...success, latencies: [], failures: ['refused'] };
  };
  const agent = start();
  await agent.clock.advanceAsync(50_000);
  assert.deepEqual(operator.reports, []);
  await agent.clock.advanceAsync(50_000);
  assert.ok(operator.reports.length > 0);
});

test('an agent that is stopped while the operator holds its request leaves nothing', async () => {
  using directory = new TemporaryDirectory();
  const { start } = operated(directory);
  const { agent, clock } = start();
  await clock.advanceAsync(11_000);
  agent.stop();
  await clock.advanceAsync(0);
  assert.equal(clock.pending, 0);
});

test('an agent that is stopped reports all that it has found, first what the operator holds, each once', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator } = operated(directory);
  const { agent, clock, series } = start();
  await clock.advanceAsync(29_000);
  const before = operator.requests.length;
  assert.ok(operator.requests.at(-1)?.report, 'a report is held');
  agent.stop();
  await clock.advanceAsync(0);
  const last = operator.requests.slice(before);
  assert.deepEqual(
    last.map(({ leaving, report }) => [leaving, report?.sequence]),
    [
      [true, operator.requests[before - 1]!.report!.sequence],
      [true, operator.requests[before - 1]!.report!.sequence + 1],
    ],
  );
  const found = [...(await series())].filter(([name]) => /^(dns|network)_latency_seconds_count/.test(name));
  const told = operator.reports.flatMap(({ targets }) => targets).reduce((sum, { attempts }) => sum + attempts, 0);
  assert.equal(
    told,
    found.reduce((sum, [, count]) => sum + count, 0),
  );
  assert.equal(clock.pending, 0);
  await clock.advanceAsync(60_000);
  assert.equal(operator.requests.length, before + 2);
});

test('an agent that is stopped while the operator is away, or does not answer, tries it once', async () => {
  for (const trouble of ['away', 'silent'] as const) {
    using directory = new TemporaryDirectory();
    const { start, operator } = operated(directory);
    const { agent, clock, logged } = start();
    await clock.advanceAsync(29_000);
    if (trouble === 'away') operator.leave();
    else operator.silent = true;
    agent.stop();
    await clock.advanceAsync(2000);
    assert.equal(clock.pending, 0, trouble);
    assert.equal(logged.filter((line) => line.includes('final report not delivered')).length, 1, trouble);
  }
});

test('at the defaults an agent that syncs has at most 550 series: twelve peers, three DNS servers', async () => {
  using directory = new TemporaryDirectory();
  const { start, operator } = operated(directory);
  const peers = Array.from({ length: 12 }, (_, n) => ({ address: `10.2.0.${n}:8000`, node: `n-${n}`, zone: 'z' }));
  operator.set({
    settings: settingsWith({ network: { services: [service, '[fd00::20]:8000'] } }),
    assignment: assignmentWith({ revision: 2, peers, dnsServers: ['10.2.9.1:53', '10.2.9.2:53'] }),
  });
  const agent = start();
  await agent.clock.advanceAsync(60_000);
  const { size } = await agent.series();
  assert.ok(size <= 550 && size > 400, `${size} series`);
});
