import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CountedSequences } from '../../../../src/operator/reports/counted-sequences.ts';

test('a report counts once, however often and however late it comes again', () => {
  const counted = new CountedSequences();
  const came = ([stream, sequence]: readonly [string, number]) => counted.count({ stream, sequence });
  assert.deepEqual(
    (
      [
        ['a', 1],
        ['a', 1],
        ['a', 2],
        ['a', 1],
        ['a', 2],
        ['a', 3],
      ] as const
    ).map(came),
    [true, false, true, false, false, true],
  );
});

test('an operator that is new to an agent counts from whichever report comes first', () => {
  assert.equal(new CountedSequences().count({ stream: 'a', sequence: 700 }), true);
});

test('a process that starts anew counts from its own first report, and the last words of the one before count once', () => {
  const counted = new CountedSequences();
  counted.count({ stream: 'a', sequence: 9 });
  assert.equal(counted.count({ stream: 'b', sequence: 1 }), true);
  assert.equal(counted.count({ stream: 'a', sequence: 9 }), false);
  assert.equal(counted.count({ stream: 'a', sequence: 10 }), true);
  assert.equal(counted.count({ stream: 'b', sequence: 1 }), false);
});

test('streams that nobody has heard of for long are forgotten, the current one never', () => {
  const counted = new CountedSequences();
  counted.count({ stream: 'current', sequence: 1 });
  for (let other = 0; other < 100; other++) {
    assert.equal(counted.count({ stream: `${other}`, sequence: 1 }), true);
    assert.equal(counted.count({ stream: 'current', sequence: other + 2 }), true);
    assert.equal(counted.count({ stream: 'current', sequence: other + 2 }), false);
  }
  assert.equal(counted.count({ stream: '0', sequence: 1 }), true);
});
