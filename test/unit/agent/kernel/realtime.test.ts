import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ClockReading, readClocks, wasSet } from '../../../../src/agent/kernel/realtime.ts';
import { timings } from '../servers/probe-context.ts';

describe('readClocks', () => {
  for (const { source, kernel } of timings)
    it(`looks at CLOCK_REALTIME between two looks at the monotonic clock (${source})`, () => {
      const begun = BigInt(Date.now()) * 1_000_000n;
      const { realtime, before, after } = readClocks(kernel);
      const ended = BigInt(Date.now() + 1) * 1_000_000n;
      assert.ok(begun <= realtime && realtime <= ended, `${begun} ${realtime} ${ended}`);
      assert.ok(before <= after, `${before} ${after}`);
    });

  for (const { source, kernel } of timings)
    it(`never takes a clock that nobody set for one that was (${source})`, () => {
      const first = readClocks(kernel);
      for (let turn = 0; turn < 2_000; turn++) assert.equal(wasSet(first, readClocks(kernel)), false);
    });
});

describe('wasSet', () => {
  /**
   * Readings `elapsed` ns apart, between which the system's clock was set by `step` ns; each look took up to `held` ns.
   */
  const readings = (elapsed: bigint, step: bigint, held: bigint): [ClockReading, ClockReading] => {
    const begin = 1_800_000_000_000_000_000n;
    return [
      { before: 0n, realtime: begin, after: held, resolution: 1n },
      { before: held + elapsed, realtime: begin + held + elapsed + step, after: 2n * held + elapsed, resolution: 1n },
    ];
  };
  const duration = fc.bigInt(0n, 60_000_000_000n);

  it('is true after every step of a tenth of a millisecond or more, forward and back, between quick looks', () => {
    fc.assert(
      fc.property(duration, fc.bigInt(100_000n, 10n ** 18n), fc.boolean(), (elapsed, step, back) =>
        wasSet(...readings(elapsed, back ? -step : step, 1_000n)),
      ),
    );
  });

  it('is false without a step, however long the process was held up', () => {
    fc.assert(fc.property(duration, duration, (elapsed, held) => !wasSet(...readings(elapsed, 0n, held))));
  });
});
