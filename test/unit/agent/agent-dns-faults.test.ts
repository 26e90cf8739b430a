import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeSettings, type RecordType } from '../../../src/protocol/settings.ts';
import { AgentPod, freePort } from './agent-process.ts';
import { movedSeries, movesAlways } from './moved-series.ts';
import { dnsMisbehaviours, startMisbehavingServer } from './servers/dns-misbehaviours.ts';
import { settingsWith } from './settings-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';
import { undisturbed } from './undisturbed.ts';

const protocols = ['UDP', 'TCP'] as const;
const recordTypes: RecordType[] = ['A', 'AAAA'];
const names = Object.keys(dnsMisbehaviours);
/** How often each target is asked until it is looked at what moved. */
const turns = 2;
/** A turn that begins as late as one may, a second, is over when the next one comes. */
const times = { intervalMs: 3000, timeoutMs: 1400 };

test('each way in which a DNS server misbehaves moves the errors of its target and its reason, and nothing else', async () => {
  using directory = new TemporaryDirectory();
  await using server = await startMisbehavingServer();
  const pod = new AgentPod(directory, server.port);
  const dns = { hosts: names.map(hostOf), protocols: [...protocols], recordTypes, ...times };
  pod.volume.update(encodeSettings(settingsWith({ dns, network: { enabled: false } })));
  await using agent = pod.start(await freePort());
  await agent.ready();
  const address = `127.0.0.1:${server.port}`;
  const targets = names.flatMap((name) =>
    protocols.flatMap((protocol) =>
      recordTypes.map((type) => ({
        ...{ name, protocol, type, fails: dnsMisbehaviours[name]![protocol].fails },
        of: (metric: string) =>
          `${metric}{host="${hostOf(name)}",protocol="${protocol}",server="${address}",type="${type}"}`,
      })),
    ),
  );
  type Target = (typeof targets)[number];
  const attempts = (series: ReadonlyMap<string, number>, { of }: Target) =>
    series.get(of('dns_latency_seconds_count'))! + series.get(of('dns_resolve_error_total'))!;

  const [before, after] = await undisturbed(times.timeoutMs / 2, async () => {
    const before = await agent.metricsThat((series) => targets.every((target) => attempts(series, target) >= 1));
    const after = await agent.metricsThat((series) =>
      targets.every((target) => attempts(series, target) >= attempts(before, target) + turns),
    );
    return [before, after];
  });
  const moved = movedSeries(before, after);
  const rise = (name: string) => after.get(name)! - before.get(name)!;
  const expected = new Set<string>();
  const failures = new Map<string, number>();
  for (const target of targets) {
    const { name, protocol, type, fails, of } = target;
    const errors = rise(of('dns_resolve_error_total'));
    if (fails === undefined) {
      assert.equal(errors, 0, `${name} by ${protocol} for ${type} is no error`);
      for (const series of after.keys()) if (isLatencyOf(series, target)) expected.add(series);
      continue;
    }
    assert.ok(errors >= turns, `${name} by ${protocol} for ${type} is an error each time, not ${errors} times`);
    expected.add(of('dns_resolve_error_total'));
    const reason = `dns_failures_total{protocol="${protocol}",reason="${fails}",server="${address}"}`;
    failures.set(reason, (failures.get(reason) ?? 0) + errors);
  }
  for (const [reason, errors] of failures) {
    assert.equal(rise(reason), errors, `${reason} has risen by the errors of the targets that fail so`);
    expected.add(reason);
  }
  assert.deepEqual(
    [...moved].filter(([series]) => !expected.has(series) && !movesAlways(series)),
    [],
    'nothing else has moved',
  );
  assert.equal(agent.stderr, '');
});

function hostOf(name: string): string {
  return `${name}.example.`;
}

function isLatencyOf(series: string, target: { name: string; protocol: string; type: string }): boolean {
  const has = (label: string, value: string) => series.includes(`${label}="${value}"`);
  return (
    series.startsWith('dns_latency_seconds_') &&
    has('host', hostOf(target.name)) &&
    has('protocol', target.protocol) &&
    has('type', target.type)
  );
}
