import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DwellClock } from '../../../../src/agent/echo/dwell-clock.ts';

const second = 1_000_000_000n;

/** Both clocks of a machine, in nanoseconds; each look takes a microsecond. */
function machine() {
  let monotonic = 0n;
  let offset = 1_800_000_000n * second;
  const now = () => monotonic + offset;
  const dwells = new DwellClock(() => {
    const before = monotonic;
    monotonic += 1000n;
    return { before, realtime: now() - 500n, after: monotonic, resolution: 1n };
  });
  return {
    dwells,
    now,
    pass(ns: bigint) {
      monotonic += ns;
    },
    set(by: bigint) {
      offset += by;
    },
  };
}

describe('DwellClock', () => {
  it('tells the time since a datagram was received', () => {
    const { dwells, now, pass } = machine();
    for (let n = 0; n < 1000; n++) {
      const receivedAt = now();
      pass(1_000_000n);
      assert.equal(dwells.since(receivedAt), 1_000_500);
    }
  });

  it('tells nothing without a stamp, and of one that lies ahead', () => {
    const { dwells, now } = machine();
    assert.equal(dwells.since(undefined), undefined);
    assert.equal(dwells.since(now() + second), undefined);
  });

  it('tells nothing of datagrams that waited while the clock was set, however far, long and of however many', () => {
    const sizes = fc.bigInt(100_000n, 10n ** 18n);
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.bigInt(0n, 4n * second), (size, back, waited) => {
        const { dwells, now, pass, set } = machine();
        const stamps = Array.from({ length: 10 }, now);
        pass(waited / 2n);
        set(back ? -size : size);
        pass(waited / 2n);
        for (const stamp of stamps) assert.equal(dwells.since(stamp), undefined);
      }),
    );
  });

  it('tells again when nothing can be left that was received before the clock was set', () => {
    const { dwells, now, pass, set } = machine();
    set(-3600n * second);
    assert.equal(dwells.since(now()), undefined);
    pass(4n * second);
    assert.equal(dwells.since(now()), undefined);
    pass(2n * second);
    assert.equal(dwells.since(now()), 500);
  });
});
