import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { LeaseSpec } from '../../../../src/operator/leader/lease.ts';
import { LeaseElector } from '../../../../src/operator/leader/lease-elector.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';
import { LeaseServer } from './lease-server.ts';

const away = () => new ApiError('Unavailable', 'the API server is away');

function setUp(server = new LeaseServer()) {
  const clock = new FakeClock();
  const lost: string[] = [];
  const writes: LeaseSpec[] = [];
  const failures: Error[] = [];
  const elector = new LeaseElector({
    access: {
      read: async () => server.lease,
      write: async (spec, resourceVersion) => {
        writes.push(spec);
        const failure = failures.shift();
        if (failure) throw failure;
        return server.write(spec, resourceVersion);
      },
    },
    identity: 'us',
    clock,
    random: () => 1,
    log: quietLog,
    onLost: (why) => lost.push(why),
  });
  return {
    ...{ server, clock, elector, lost, writes, failures },
    /** Takes the Lease that nobody holds. */
    async lead() {
      elector.observe(server.lease);
      assert.equal(await elector.campaign(new AbortController().signal), true);
      await until(() => clock.pending === 2, 'it waits for its next renewal');
    },
    /** Lets the time of the next renewal come, and waits until it is over. */
    async renewal() {
      const before = writes.length;
      clock.advance(2000);
      await until(() => writes.length > before && (clock.pending === 2 || lost.length > 0), 'it has tried to renew');
    },
  };
}

test('nobody’s Lease is taken at once, renewed every 2 s, and the epoch is the count of holders before', async () => {
  const { elector, server, writes, lead, renewal } = setUp();
  server.write({ holderIdentity: '', leaseTransitions: 4 }, undefined);
  await lead();
  assert.deepEqual([elector.isLeading, elector.epoch, elector.holder], [true, 5, 'us']);
  await renewal();
  await renewal();
  assert.equal(writes.length, 3);
  assert.equal(server.lease?.spec?.renewTime, '2026-01-01T00:00:04.000000Z');
  assert.equal(server.lease?.spec?.acquireTime, '2026-01-01T00:00:00.000000Z');
});

test('a Lease that is renewed is left alone; without renewals it is taken when its time is over', async () => {
  const { elector, server, clock, writes } = setUp();
  const hold = (n: number) =>
    server.write(
      { holderIdentity: 'other', leaseDurationSeconds: 15, renewTime: String(n) },
      server.lease?.metadata.resourceVersion,
    );
  elector.observe(hold(0));
  const elected = elector.campaign(new AbortController().signal);
  for (let n = 1; n <= 10; n++) {
    clock.advance(14_000);
    elector.observe(hold(n));
    await until(() => clock.pending === 1, 'it waits');
  }
  assert.deepEqual([writes.length, elector.isLeading, elector.holder], [0, false, 'other']);
  clock.advance(14_999);
  await until(() => clock.pending === 1, 'it waits');
  assert.equal(writes.length, 0);
  clock.advance(1);
  assert.equal(await elected, true);
  assert.equal(server.lease?.spec?.holderIdentity, 'us');
});

test('a release is acted on at once', async () => {
  const { elector, server, clock } = setUp();
  elector.observe(server.write({ holderIdentity: 'other', leaseDurationSeconds: 15 }, undefined));
  const elected = elector.campaign(new AbortController().signal);
  await until(() => clock.pending === 1, 'it waits');
  elector.observe(server.write({ holderIdentity: '', leaseDurationSeconds: 1 }, '1'));
  assert.equal(await elected, true);
});

test('while the API server is away a candidate waits, and takes an expired Lease as soon as it is back', async () => {
  const { elector, server, clock, failures } = setUp();
  elector.observe(server.write({ holderIdentity: 'other', leaseDurationSeconds: 15 }, undefined));
  const elected = elector.campaign(new AbortController().signal);
  failures.push(...Array.from({ length: 20 }, away));
  for (let seconds = 0; failures.length > 0; seconds += 0.1) {
    assert.ok(seconds < 15 + 20 * 2, 'attempts are at most 2 s apart');
    clock.advance(100);
    await until(() => clock.pending === 1, 'it waits');
  }
  clock.advance(2000);
  assert.equal(await elected, true);
});

test('who comes second reads the Lease anew and waits for its end', async () => {
  const { elector, server, clock, writes } = setUp();
  elector.observe(undefined);
  server.write({ holderIdentity: 'faster', leaseDurationSeconds: 15 }, undefined);
  void elector.campaign(new AbortController().signal);
  await until(() => writes.length === 1 && clock.pending === 1, 'it waits');
  assert.equal(elector.holder, 'faster');
  clock.advance(14_000);
  await until(() => clock.pending === 1, 'it waits');
  assert.equal(writes.length, 1);
});

test('the Lease is lost when it could not be renewed for 10 s, and from that moment nothing may be written', async () => {
  const { elector, clock, failures, lost, lead, renewal } = setUp();
  await lead();
  await renewal();
  failures.push(...Array.from({ length: 10 }, away));
  for (let n = 0; n < 4; n++) await renewal();
  clock.advance(1999);
  assert.deepEqual([elector.isLeading, lost], [true, []]);
  clock.advance(1);
  assert.equal(elector.isLeading, false);
  assert.deepEqual(lost, ['not renewed within 10 s']);
});

test('its time counts from when the renewal was sent, not from when the answer came', async () => {
  const server = new LeaseServer();
  const clock = new FakeClock();
  const answers: (() => void)[] = [];
  const elector = new LeaseElector({
    access: {
      read: async () => server.lease,
      write: (spec, resourceVersion) => {
        const lease = server.write(spec, resourceVersion);
        return new Promise((resolve) => answers.push(() => resolve(lease)));
      },
    },
    ...{ identity: 'us', clock, random: () => 1, log: quietLog, onLost: () => {} },
  });
  elector.observe(undefined);
  const elected = elector.campaign(new AbortController().signal);
  await until(() => answers.length === 1, 'it asks for the Lease');
  clock.advance(9000);
  answers[0]!();
  await elected;
  assert.equal(elector.isLeading, true);
  clock.advance(1000);
  assert.equal(elector.isLeading, false);
});

test('a renewal whose answer was lost is no reason to stop', async () => {
  const { elector, server, lead, renewal, lost } = setUp();
  await lead();
  // Ours arrived, but we do not know.
  server.write({ ...server.lease!.spec!, renewTime: 'later' }, server.lease!.metadata.resourceVersion);
  await renewal();
  assert.deepEqual([elector.isLeading, lost], [true, []]);
});

test('a Lease that someone else holds is lost at once', async () => {
  const { elector, server, lead, renewal, lost } = setUp();
  await lead();
  server.write({ holderIdentity: 'rival' }, server.lease!.metadata.resourceVersion);
  await renewal();
  assert.deepEqual([elector.isLeading, lost], [false, ['held by rival']]);
});

test('a Lease that someone deleted is made anew by its holder, with the same epoch', async () => {
  const { elector, server, lead, renewal, lost } = setUp();
  server.write({ holderIdentity: '', leaseTransitions: 8 }, undefined);
  await lead();
  server.lease = undefined;
  await renewal();
  assert.deepEqual([elector.isLeading, elector.epoch, lost], [true, 9, []]);
  assert.equal(server.lease!.spec?.leaseTransitions, 9);
});

test('a machine that slept writes nothing until the Lease is renewed: its monotonic clock stood still', async () => {
  const { elector, clock, lead, renewal } = setUp();
  await lead();
  clock.stepWall(60_000);
  assert.equal(elector.isLeading, false);
  await renewal();
  assert.equal(elector.isLeading, true);
  clock.stepWall(-120_000);
  assert.equal(elector.isLeading, true, 'a clock that is set back says nothing');
});

test('released, nobody holds it, and nothing may be written', async () => {
  const { elector, server, clock, lead, lost } = setUp();
  await lead();
  await elector.release({ withinMs: 500, inMs: 0 });
  assert.deepEqual([elector.isLeading, server.lease?.spec?.holderIdentity, lost], [false, '', []]);
  clock.advance(60_000);
  assert.deepEqual([server.lease?.spec?.holderIdentity, lost], ['', []]);
});

test('a release that the API server does not answer holds nobody up', async () => {
  const { elector, clock, failures, lead } = setUp();
  await lead();
  failures.push(away());
  await elector.release({ withinMs: 500, inMs: 0 });
  assert.equal(elector.isLeading, false);
  assert.equal(clock.pending, 0);
});

test('a candidate that is told to stop takes nothing any more', async () => {
  const { elector, server, clock, writes } = setUp();
  const stop = new AbortController();
  elector.observe(server.write({ holderIdentity: 'other', leaseDurationSeconds: 15 }, undefined));
  const elected = elector.campaign(stop.signal);
  await until(() => clock.pending === 1, 'it waits');
  stop.abort();
  assert.equal(await elected, false);
  assert.deepEqual([writes.length, clock.pending], [0, 0]);
});

/** An elector whose writes are answered when the test says so. */
function slowSetUp() {
  const server = new LeaseServer();
  const clock = new FakeClock();
  const answers: (() => void)[] = [];
  const elector = new LeaseElector({
    access: {
      read: async () => server.lease,
      write: (spec, resourceVersion) =>
        new Promise((resolve, reject) => {
          answers.push(() => {
            try {
              resolve(server.write(spec, resourceVersion));
            } catch (error) {
              reject(error);
            }
          });
        }),
    },
    ...{ identity: 'us', clock, random: () => 1, log: quietLog, onLost: () => assert.fail('it is not lost') },
  });
  return { server, clock, answers, elector };
}

test('a Lease that is acquired during a stop is released, and not renewed before', async () => {
  const { server, clock, answers, elector } = slowSetUp();
  const stop = new AbortController();
  elector.observe(undefined);
  void elector.campaign(stop.signal);
  await until(() => answers.length === 1, 'it asks for the Lease');
  stop.abort();
  elector.stopRenewing();
  const released = elector.release({ withinMs: 1700, inMs: 0 });
  clock.advance(1000);
  answers[0]!();
  await until(() => answers.length === 2, 'it releases the Lease');
  assert.equal(elector.isLeading, false);
  answers[1]!();
  await released;
  assert.equal(server.lease?.spec?.holderIdentity, '');
  assert.deepEqual([clock.pending, answers.length], [0, 2]);
});

test('a Lease that is not acquired in time by an operator that stops holds nobody up, and is not renewed later', async () => {
  const { clock, answers, elector } = slowSetUp();
  const stop = new AbortController();
  elector.observe(undefined);
  void elector.campaign(stop.signal);
  await until(() => answers.length === 1, 'it asks for the Lease');
  stop.abort();
  elector.stopRenewing();
  const released = elector.release({ withinMs: 1700, inMs: 0 });
  clock.advance(1700);
  await released;
});

test('a Lease that was acquired without a response is released too', async () => {
  const { elector, server, clock } = setUp();
  const stop = new AbortController();
  elector.observe(server.write({ holderIdentity: 'other', leaseDurationSeconds: 15 }, undefined));
  void elector.campaign(stop.signal);
  await until(() => clock.pending === 1, 'it waits');
  stop.abort();
  // The watch shows what the lost response would have said.
  elector.observe(server.write({ holderIdentity: 'us', leaseDurationSeconds: 15 }, '1'));
  await elector.release({ withinMs: 500, inMs: 0 });
  assert.equal(server.lease?.spec?.holderIdentity, '');
});

test('an operator that never had the Lease releases nothing', async () => {
  const { elector, server, writes, clock } = setUp();
  elector.observe(server.write({ holderIdentity: 'other', leaseDurationSeconds: 15 }, undefined));
  await elector.release({ withinMs: 500, inMs: 0 });
  assert.deepEqual([writes, clock.pending], [[], 0]);
});
