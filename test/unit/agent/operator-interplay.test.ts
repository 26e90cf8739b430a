import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { SourceChoice } from '../../../src/agent/sources/source-choice.ts';
import { OperatorConnection } from '../../../src/agent/sync/operator-connection.ts';
import { ReportLedger } from '../../../src/agent/sync/report-ledger.ts';
import { SyncClient } from '../../../src/agent/sync/sync-client.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { type Held, settingsDigest } from '../../../src/protocol/sync.ts';
import { SyncRig } from '../operator/sync/sync-rig.ts';
import { assignmentWith } from './assignment-builder.ts';
import { eventually } from './eventually.ts';
import { accessTo } from './servers/operator-server.ts';
import { settingsWith } from './settings-builder.ts';
import { dnsTarget } from './target-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

/** An agent's side of sync, without probes, and the operator's, each as it is. */
async function setUp(directory: TemporaryDirectory, holdMs = 300) {
  const rig = await SyncRig.start({ holdMs });
  writeFileSync(directory.file('token'), await rig.token());
  const choice = new SourceChoice(systemClock);
  const ledger = new ReportLedger(systemClock, { dropped() {} }, 'stream');
  const results: string[] = [];
  const client = new SyncClient({
    connection: new OperatorConnection(directory.file('token')),
    dialogue: {
      request: () => {
        const report = ledger.report();
        return { version: 1, held: choice.held, ...(report && { report }) };
      },
      answered: ({ held }, { acknowledged, settings, assignment }) => {
        if (acknowledged) ledger.acknowledge(acknowledged);
        choice.confirm(held);
        if (settings) choice.offerSettings(settings, 'sync');
        if (assignment) choice.offerAssignment(assignment);
        return settings !== undefined || assignment !== undefined;
      },
      rejected: () => ledger.reject(),
      lastRequest: () => {
        const report = ledger.report();
        return report && { version: 1, held: choice.held, report, leaving: true };
      },
      lastAnswered: ({ acknowledged }) => acknowledged !== undefined && ledger.acknowledge(acknowledged),
    },
    events: { requested: (result) => results.push(result) },
    clock: systemClock,
    random: Math.random,
    log: () => {},
  });
  return {
    ...{ rig, choice, ledger, results, client },
    async [Symbol.asyncDispose]() {
      client.use(undefined);
      await rig.stop();
    },
  };
}

test('an agent and the operator understand each other: settings, assignment, acknowledgement, what is held', async () => {
  using directory = new TemporaryDirectory();
  await using pair = await setUp(directory);
  const { rig, choice, ledger, client, results } = pair;
  const [settings, assignment] = [settingsWith({ resource: { generation: 3 } }), assignmentWith({ revision: 9 })];
  let told: Held | undefined;
  rig.answers = (agent, held) => {
    assert.equal(agent.pod, 'default-agent-x');
    told = held;
    return {
      ...(held.settings?.digest !== settingsDigest(settings) && { settings }),
      ...(held.assignment?.revision !== 9 && { assignment }),
    };
  };
  ledger.record(dnsTarget('a.'), { latencies: [0.001], failures: ['timeout'], retransmits: 0, timing: 'clock' });
  client.use(accessTo(rig.port, rig.authorities));
  await eventually(
    () => told?.settings !== undefined && told.assignment !== undefined,
    () => JSON.stringify({ told, results }),
  );
  assert.deepEqual(choice.settings?.value, settings);
  assert.deepEqual(choice.assignment?.value, assignment);
  assert.equal(ledger.report(), undefined, 'what was found is acknowledged');
  assert.ok(results.every((result) => result === 'ok'));
});

test('an agent whose pod is gone, one with a token for another, and a standby: each refusal is understood', async () => {
  using directory = new TemporaryDirectory();
  await using pair = await setUp(directory);
  const { rig, client, results } = pair;
  const last = (result: string) =>
    eventually(
      () => results.at(-1) === result,
      () => `${result}: ${results}`,
    );
  rig.isLeading = false;
  client.use(accessTo(rig.port, rig.authorities));
  await last('unavailable');
  rig.isLeading = true;
  await last('ok');
  writeFileSync(directory.file('token'), await rig.token({ audience: 'https://kubernetes.default.svc' }));
  await last('unauthorized');
  writeFileSync(directory.file('token'), await rig.token());
  await last('ok');
  rig.pods.clear();
  await last('unauthorized');
});

test('an agent that ends gives up the request that the operator holds, and is acknowledged at once', async () => {
  using directory = new TemporaryDirectory();
  await using pair = await setUp(directory, 60_000);
  const { rig, ledger, client, results } = pair;
  const find = () =>
    ledger.record(dnsTarget('a.'), { latencies: [0.001], failures: [], retransmits: 0, timing: 'clock' });
  find();
  client.use(accessTo(rig.port, rig.authorities));
  await eventually(
    () => rig.hub.held === 1,
    () => `${results}`,
  );
  find();
  await client.finish(60_000);
  assert.deepEqual(results, ['ok', 'ok'], 'what is held, and what was found since');
  assert.equal(ledger.report(), undefined);
  assert.equal(rig.hub.held, 0);
  await eventually(
    () => rig.server.connections === 0,
    () => `${rig.server.connections} connections`,
  );
});
