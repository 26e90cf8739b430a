import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorAccess } from '../../../bench/simulated-agent.ts';
import { SimulatedAgents } from '../../../bench/simulated-agents.ts';
import type { Assignment } from '../../../src/protocol/assignment.ts';
import type { SyncAnswer } from '../../../src/protocol/sync.ts';
import { settingsWith } from '../agent/settings-builder.ts';
import { type Received, TestSyncServer } from './sync-server.ts';

const timeout = 60_000;
const settings = settingsWith({
  resource: { generation: 3 },
  dns: { intervalMs: 200, timeoutMs: 100 },
  network: { intervalMs: 200, timeoutMs: 100 },
});
/** Not what the agents would call these settings. */
const digest = 'of an operator of another version';
const assignment: Assignment = {
  ...{ version: 1, uid: settings.resource.uid, epoch: 0, revision: 1, zone: '', dnsServers: ['10.64.1.1:53'] },
  peers: [{ address: '10.64.0.2:8000', node: 'node-2', zone: 'a' }],
};

async function withAgents(
  answer: (received: Received) => SyncAnswer | undefined | Promise<SyncAnswer | undefined>,
  body: (agents: SimulatedAgents, server: TestSyncServer, access: OperatorAccess) => Promise<void>,
): Promise<void> {
  const server = await TestSyncServer.start(answer);
  const agents = await SimulatedAgents.start(new AbortController().signal);
  try {
    await body(agents, server, server.access);
  } finally {
    await agents.stop();
    await server.close();
  }
}

/** Answers what is not held, holds otherwise until the next is there, and acknowledges. */
function upToDate({ request: { held, report } }: Received): SyncAnswer | Promise<SyncAnswer> {
  const answer: SyncAnswer = {
    version: 1,
    ...(held.settings?.digest === digest ? {} : { settings, settingsDigest: digest }),
    ...(held.assignment ? {} : { assignment }),
    ...(report && { acknowledged: { stream: report.stream, sequence: report.sequence } }),
  };
  return answer.settings ? answer : new Promise((resolve) => setTimeout(() => resolve(answer), 300).unref());
}

test('an agent takes what it is answered, says so at once, and reports with its own token on a connection of its own', async () => {
  await withAgents(upToDate, async (agents, server, access) => {
    await agents.add(
      ['a', 'b'].map((name) => ({ name, token: `token-${name}` })),
      access,
    );
    const both = (streams: Set<string | undefined>) => streams.size === 2;
    await agents.until('both have reported', () => both(new Set(reports(server).map(({ stream }) => stream))), {
      timeout,
    });
    const seen = await agents.look(3);
    assert.equal(seen.agents, 2);
    assert.equal(seen.configuredAt.length, 2);
    assert.equal(seen.holdingSince.length, 2);
    assert.equal(seen.traffic.assignments, 2);
    assert.equal(seen.traffic.failures, 0, seen.failure ?? 'no failure');
    assert.equal((await agents.look(4)).holdingSince.length, 0);
    const of = (name: string) => server.received.filter(({ token }) => token === `Bearer token-${name}`);
    assert.deepEqual(of('a')[0]!.request, { version: 1, held: {} });
    assert.deepEqual(of('a')[1]!.request.held, {
      settings: { uid: assignment.uid, generation: 3, digest },
      assignment: { uid: assignment.uid, epoch: 0, revision: 1 },
    });
    assert.equal(new Set(of('a').map(({ connection }) => connection)).size, 1);
    assert.notEqual(of('a')[0]!.connection, of('b')[0]!.connection);
    const { bodyBytes, wireBytes } = seen.traffic;
    assert.ok(bodyBytes > 0 && wireBytes > bodyBytes, `${bodyBytes} of ${wireBytes}`);
  });
});

test('agents report that a name does not exist from the moment on at which it ceases to', async () => {
  await withAgents(upToDate, async (agents, server, access) => {
    await agents.add([{ name: 'a', token: 't' }], access);
    const failing = () => reports(server).filter(({ targets }) => targets.some(({ failures }) => failures.nxdomain));
    await agents.until('there are reports', () => reports(server).length > 1, { timeout });
    assert.equal(failing().length, 0);
    await agents.fail('kubernetes.default.svc.cluster.local.');
    await agents.until('they say so', () => failing().length > 1, { timeout });
    await agents.fail(undefined);
    const before = reports(server).length;
    await agents.until('they go on', () => reports(server).length > before + 2, { timeout });
    assert.ok(
      reports(server)
        .at(-1)!
        .targets.every(({ failures }) => failures.nxdomain === undefined),
    );
  });
});

test('an agent reports the peers and DNS servers that it was given', async () => {
  await withAgents(upToDate, async (agents, server, access) => {
    await agents.add([{ name: 'a', token: 't' }], access);
    const targets = () => reports(server).flatMap((report) => report.targets);
    const reported = () => targets().some(({ host }) => host === '10.64.0.2:8000');
    await agents.until('its peer is reported', reported, { timeout });
    const peer = targets().find(({ host }) => host === '10.64.0.2:8000')!;
    assert.deepEqual([peer.node, peer.zone], ['node-2', 'a']);
    await agents.until('its DNS server', () => targets().some(({ server: asked }) => asked === '10.64.1.1:53'), {
      timeout,
    });
  });
});

test('a report is sent again, the same, until it is acknowledged', async () => {
  let refused = 0;
  const forgetful = async (received: Received) => {
    const answer = await upToDate(received);
    if (!answer.acknowledged || refused >= 2) return answer;
    refused++;
    const { acknowledged: _, ...rest } = answer;
    return rest;
  };
  await withAgents(forgetful, async (agents, server, access) => {
    await agents.add([{ name: 'a', token: 't' }], access);
    const second = () => reports(server).some(({ sequence }) => sequence === 2);
    await agents.until('the second report', second, { timeout });
    const first = reports(server).filter(({ sequence }) => sequence === 1);
    assert.equal(first.length, 3);
    for (const again of first) assert.deepEqual(again, first[0]);
  });
});

test('an agent that is refused or finds nobody tries again, and one that is removed does not', async () => {
  let refusals = 0;
  const late = (received: Received) => (refusals++ < 2 ? undefined : upToDate(received));
  await withAgents(late, async (agents, server, access) => {
    await agents.add([{ name: 'a', token: 't' }], access);
    const { traffic, failure } = await agents.until('it is configured', (seen) => seen.configuredAt.length === 1, {
      timeout,
    });
    assert.equal(traffic.failures, 2);
    assert.match(failure!, /answers 503/);
    await agents.remove('a');
    const seen = await agents.look();
    assert.equal(seen.agents, 0);
    assert.equal(seen.traffic.failures, 2);
    const connections = () => server.received.length;
    const before = connections();
    await agents.add([{ name: 'b', token: 't' }], access);
    await agents.until('the other one is', ({ configuredAt }) => configuredAt.length === 1, { timeout });
    assert.ok(server.received.slice(before + 1).every(({ request }) => request.report?.stream !== 'a'));
  });
});

test('a server with another certificate is not talked to', async () => {
  const [server, other] = await Promise.all([TestSyncServer.start(upToDate), TestSyncServer.start(upToDate)]);
  const agents = await SimulatedAgents.start(new AbortController().signal);
  try {
    await agents.add([{ name: 'a', token: 't' }], { ...server.access, ca: other.access.ca });
    const { failure } = await agents.until('it fails', ({ traffic }) => traffic.failures > 0, { timeout });
    assert.match(failure!, /certificate/);
    assert.deepEqual(server.received, []);
  } finally {
    await agents.stop();
    await Promise.all([server.close(), other.close()]);
  }
});

function reports(server: TestSyncServer) {
  return server.received.flatMap(({ request }) => request.report ?? []);
}
