import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SourceChoice } from '../../../src/agent/sources/source-choice.ts';
import { NetExporterFleet } from '../../../src/operator/agents/net-exporter-fleet.ts';
import type { Propagation } from '../../../src/operator/agents/propagation.ts';
import { SyncHub } from '../../../src/operator/sync/sync-hub.ts';
import { decodeSettings, type Settings } from '../../../src/protocol/settings.ts';
import {
  decodeSyncAnswer,
  decodeSyncRequest,
  encodeSyncAnswer,
  encodeSyncRequest,
  holdMs,
  type SyncAnswer,
} from '../../../src/protocol/sync.ts';
import { FakeClock } from '../fake-clock.ts';
import { agentPod } from '../operator/agent-pod-builder.ts';
import { netExporter } from '../operator/net-exporter-builder.ts';
import { quietLog } from '../operator/quiet-log.ts';
import { reportParts } from '../operator/reports/counted-drops.ts';
import { settings } from '../protocol/documents.ts';

/** What an agent may not know of. Each has a value that stands for what was meant before it was there. */
const laterFields = ['ntp', 'network.protocols', 'network.udp'] as const;
type LaterField = (typeof laterFields)[number];

/** Settings as an agent reads them that ignores these fields. */
function asOlderReads(given: Settings, unknown: readonly LaterField[]): Settings {
  const document = structuredClone(given) as unknown as Record<string, Record<string, unknown>>;
  for (const field of unknown) {
    const [part, name] = field.split('.') as [string, string?];
    if (name === undefined) delete document[part];
    else delete document[part]![name];
  }
  return decodeSettings(document);
}

const agent = { resource: 'monitoring/default', podUid: 'p', pod: 'p', node: 'n' };

/**
 * The operator's side as it is, with one agent, and an agent's side that ignores some fields of all settings that come
 * to it.
 */
function setUp(first: Settings, unknown: readonly LaterField[]) {
  const clock = new FakeClock();
  const { uid } = first.resource;
  const parts = { ...reportParts(), totalsCount: { total: 0 } };
  const fleet = new NetExporterFleet({ uid, epoch: 1, clock, ...parts, onNews() {}, holdMsOf: () => 15_000 });
  fleet.plan({
    ...{ pods: [agentPod({ uid: 'p', name: 'p', node: 'n', addresses: ['10.0.0.1'] })], dnsServers: [] },
    ...{ peersPerAgent: 10, endpointsPerAgent: 2 },
    nodes: (name) => ({ name, zone: '', ready: true, notice: undefined, uid: 'node', bootId: 'b' }),
  });
  const hub = new SyncHub({
    source: {
      answerFor: ({ podUid }, held) => fleet.answerFor(podUid, held),
      took: ({ podUid }, request) => fleet.took(podUid, request, netExporter()),
      holdMsOf: () => 15_000,
      gone() {},
    },
    ...{ clock, random: () => 0, holdMs, log: quietLog },
  });
  const choice = new SourceChoice(new FakeClock());
  /** @returns the answer; undefined when the request is held instead */
  const exchange = (): SyncAnswer | undefined => {
    let body: string | undefined;
    const request = decodeSyncRequest(encodeSyncRequest({ version: 1, held: choice.held }));
    hub.exchange(agent, request, {
      answer: (answer) => {
        body = encodeSyncAnswer(answer);
      },
      // As the next request of the same agent comes.
      refuse: ({ code }) => assert.equal(code, 'Superseded'),
    });
    return body === undefined ? undefined : decodeSyncAnswer(body);
  };
  const take = ({ settings: given, settingsDigest, assignment }: SyncAnswer) => {
    if (given) choice.offerSettings(asOlderReads(given, unknown), 'sync', settingsDigest);
    if (assignment) choice.offerAssignment(assignment);
  };
  return { fleet, choice, exchange, take };
}

test('an agent that ignores fields which the operator sends is configured after one answer and is not sent them again', () => {
  const starts = fc.constantFrom('nothing', 'file', 'copy');
  fc.assert(
    fc.property(settings, fc.subarray([...laterFields]), starts, fc.boolean(), (first, unknown, start, edited) => {
      const { fleet, choice, exchange, take } = setUp(first, unknown);
      if (start === 'file') choice.offerSettings(asOlderReads(first, unknown), 'file');
      if (start === 'copy') choice.restore(asOlderReads(first, unknown), undefined);
      const generation = Math.min(first.resource.generation + 1, Number.MAX_SAFE_INTEGER);
      const edit = { ...first, resource: { ...first.resource, generation } };
      for (const given of edited ? [first, edit] : [first]) {
        fleet.settle(given);
        const answer = exchange();
        if (answer) take(answer);
        assert.equal(exchange(), undefined, 'nothing is sent again');
        assert.deepEqual(choice.settings?.value, asOlderReads(given, unknown));
        assert.equal((fleet.propagation() as Propagation).configured, 1);
      }
    }),
  );
});

test('an agent that the ConfigMap has told all that the operator says is not sent it', () => {
  fc.assert(
    fc.property(settings, (given) => {
      const { fleet, choice, exchange } = setUp(given, []);
      choice.offerSettings(given, 'file');
      fleet.settle(given);
      assert.deepEqual(Object.keys(exchange()!).sort(), ['assignment', 'version']);
    }),
  );
});
