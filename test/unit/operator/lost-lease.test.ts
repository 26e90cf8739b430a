import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Verb } from '../../../src/contract/api-uses.ts';
import { syncServiceName } from '../../../src/contract/operator-names.ts';
import { FakeClock } from '../fake-clock.ts';
import { FakeApiServer, operatorOn, type Target } from './fake-api-server.ts';
import { netExporter } from './net-exporter-builder.ts';

const namespace = 'net-exporter-system';

/** Renewals without a response, until the Lease is lost, in milliseconds. */
const renewDeadlineMs = 10_000;

/** An operator that leads, on a clock that the test moves. */
async function setUp() {
  const server = await FakeApiServer.start();
  server.put({ kind: 'Service', metadata: { namespace, name: syncServiceName }, spec: { clusterIPs: ['10.96.0.9'] } });
  server.put(netExporter());
  const clock = new FakeClock();
  const fatal: string[] = [];
  const { operator, metrics } = operatorOn(server, clock, (why) => fatal.push(why));
  after(() => server.stop());
  operator.start();
  /** Lets time pass in small steps until the condition holds. */
  const passUntil = async (condition: () => boolean, what: string, stepMs = 50) => {
    const end = clock.monotonic() + 120_000;
    while (!condition()) {
      assert.ok(clock.monotonic() < end, `waited in vain until ${what}`);
      // Sockets and the thread pool need real time, more of it on a busy machine.
      for (let turn = 0; turn < 3 && !condition(); turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      if (!condition()) await clock.advanceAsync(stepMs);
    }
  };
  const hostsOf = () =>
    JSON.parse(server.find('configmaps', 'default-agent')?.data['settings.json'] ?? '{}').dns?.hosts;
  const edit = (host: string) => {
    const resource = netExporter((spec) => {
      spec.dns.hosts = [host];
    });
    const { generation = 1, ...metadata } = server.find('netexporters', 'default')!.metadata;
    server.put({ ...resource, metadata: { ...metadata, generation: generation + 1 } });
  };
  const leads = () => operator.state() === 'leading';
  await passUntil(() => leads() && server.find('daemonsets', 'default-agent') !== undefined, 'it leads and reconciles');
  return {
    server,
    clock,
    operator,
    metrics,
    fatal,
    passUntil,
    hostsOf,
    edit,
    leads,
    lease: () => server.find('leases', 'net-exporter-operator')!.spec,
  };
}

const isRenewal = (verb: Verb, { plural }: Target) => plural === 'leases' && verb === 'patch';

const losses = 100;

/** How many watches of the pods of the cluster's DNS are open. */
const watchesDns = (server: FakeApiServer) =>
  server.watching('endpointslices').filter((selector) => selector === 'k8s-app=kube-dns').length;

test('a Lease that is lost 100 times in a row costs no restart: the same process leads again, in a higher epoch, and reconciles', async () => {
  const { server, clock, operator, fatal, passUntil, hostsOf, edit, leads, lease } = await setUp();
  const timers: number[] = [];
  const epochs: number[] = [];
  for (let loss = 1; loss <= losses; loss++) {
    // Nothing is being written.
    await passUntil(() => hostsOf()?.length === 1 || loss === 1, 'the edit before is reconciled');
    await clock.advanceAsync(5000);
    await passUntil(leads, 'it leads');
    server.before = (verb, target) => (isRenewal(verb, target) ? 503 : undefined);
    await clock.advanceAsync(renewDeadlineMs);
    await passUntil(() => !leads(), 'it has lost the Lease');
    edit(`edit-${loss}.example.com.`);
    server.before = () => undefined;
    await passUntil(
      () => leads() && hostsOf()?.[0] === `edit-${loss}.example.com.`,
      `it reconciles after loss ${loss}`,
    );
    await passUntil(() => watchesDns(server) === 1, 'only the watch of this term is open');
    epochs.push(lease().leaseTransitions);
    timers.push(clock.pending);
  }
  assert.deepEqual(fatal, []);
  assert.deepEqual(
    epochs,
    Array.from({ length: losses }, (_, index) => epochs[0]! + index),
  );
  assert.ok(Math.max(...timers.slice(losses / 2)) <= 2 * Math.max(...timers.slice(0, 10)), `timers pile up: ${timers}`);
  const stopped = operator.stop();
  await passUntil(() => lease().holderIdentity === '', 'the Lease is released');
  await clock.advanceAsync(5000);
  await stopped;
});

test('after a loss of the Lease the watch of DNS pods and all that agents reported are gone, whatever changes meanwhile', async () => {
  const { server, clock, operator, metrics, passUntil, edit, leads, lease } = await setUp();
  const other = netExporter(undefined, 'other');
  server.put({ ...other, metadata: { ...other.metadata, uid: 'uid-other' } });
  for (let loss = 1; loss <= 5; loss++) {
    await passUntil(() => leads() && watchesDns(server) === 1, 'it leads and watches DNS pods');
    await clock.advanceAsync(5000);
    server.before = (verb, { plural }) => (plural === 'leases' && verb !== 'watch' ? 503 : undefined);
    await passUntil(() => !leads() && watchesDns(server) === 0, 'the watch has ended with the term');
    // Each change of a NetExporter decides anew which watches there are.
    edit(`edit-${loss}.example.com.`);
    const { metadata, ...resource } = server.find('netexporters', 'default')!;
    server.remove({ ...resource, metadata });
    server.put({ ...resource, metadata: { ...metadata, uid: `uid-${loss}`, generation: 1 } });
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.advanceAsync(1000);
      assert.equal(watchesDns(server), 0, `after loss ${loss}`);
    }
    assert.match(await metrics.registry.metrics(), /^net_exporter_operator_report_bytes 0$/m);
    server.before = () => undefined;
  }
  await passUntil(() => leads() && watchesDns(server) === 1, 'the last term has a watch of its own');
  const stopped = operator.stop();
  await passUntil(() => lease().holderIdentity === '', 'the Lease is released');
  await clock.advanceAsync(5000);
  await stopped;
});

test('an operator that loses the Lease while a write is in flight aborts it and ends', async () => {
  const { server, clock, operator, fatal, passUntil, edit, leads } = await setUp();
  const held: string[] = [];
  server.before = (verb, target) => {
    if (isRenewal(verb, target)) return 503;
    // The renew deadline comes first: this write began after the last renewal.
    if (verb === 'patch' && target.plural === 'configmaps') return new Promise(() => held.push(target.plural));
    return undefined;
  };
  await clock.advanceAsync(5000);
  edit('held.example.com.');
  await passUntil(() => held.length === 1, 'a write is in flight');
  assert.equal(leads(), true);
  await passUntil(() => fatal.length > 0, 'it ends');
  assert.deepEqual(fatal, ['not renewed within 10 s']);
  server.before = () => undefined;
  const stopped = operator.stop();
  await passUntil(() => operator.unready() === 'stopping', 'it stops');
  await clock.advanceAsync(10_000);
  await stopped;
});

/** What the process grants itself before it exits in any case, in milliseconds. */
const hardExitMs = 4500;

test('a stop releases the Lease before the hard exit, also where each response takes 1.2 s and a write is in flight', async () => {
  const { server, clock, operator, passUntil, edit, lease } = await setUp();
  const writes: string[] = [];
  server.before = (verb, { plural }) => {
    if (verb === 'watch') return undefined;
    if (verb === 'patch') writes.push(plural);
    return new Promise<void>((resolve) => clock.after(1200, resolve));
  };
  edit('slow.example.com.');
  await passUntil(() => writes.includes('configmaps'), 'a write is in flight');
  const from = clock.monotonic();
  const stopped = operator.stop();
  await passUntil(() => lease().holderIdentity === '', 'the Lease is released', 10);
  assert.ok(clock.monotonic() - from < hardExitMs, `released after ${clock.monotonic() - from} ms`);
  await clock.advanceAsync(hardExitMs);
  await stopped;
});

test('a stop during a write that gets no response leaves the Lease to expire when that can no longer take effect', async () => {
  const { server, clock, operator, passUntil, edit, lease } = await setUp();
  const writes: string[] = [];
  server.before = (verb, { plural }) => {
    if (verb !== 'patch' || plural !== 'configmaps') return undefined;
    return new Promise(() => writes.push(plural));
  };
  edit('held.example.com.');
  await passUntil(() => writes.length === 1, 'a write is in flight');
  const from = clock.monotonic();
  const stopped = operator.stop();
  await passUntil(() => lease().leaseDurationSeconds !== 15, 'the Lease is shortened', 10);
  const { holderIdentity, leaseDurationSeconds } = lease();
  const tookMs = clock.monotonic() - from;
  assert.equal(holderIdentity, 'operator-1_x');
  assert.ok(tookMs < hardExitMs, `after ${tookMs} ms`);
  // The write may last for 14 s from the last renewal, and half a second more.
  assert.ok(leaseDurationSeconds <= 13 && leaseDurationSeconds + tookMs / 1000 >= 12, `${leaseDurationSeconds} s`);
  await clock.advanceAsync(hardExitMs);
  await stopped;
});
