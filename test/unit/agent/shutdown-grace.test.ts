import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShutdownGrace } from '../../../src/agent/shutdown-grace.ts';
import { FakeClock } from '../fake-clock.ts';

function begun(isBehindService: boolean): { clock: FakeClock; grace: ShutdownGrace; isOver: () => boolean } {
  const clock = new FakeClock();
  const grace = new ShutdownGrace(clock);
  grace.dialled();
  clock.advance(60_000);
  let over = false;
  grace.begin(isBehindService, () => {
    assert.equal(over, false, 'once');
    over = true;
  });
  return { clock, grace, isOver: () => over };
}

test('an agent that no Service leads to ends after three seconds, whoever dials it', () => {
  const { clock, grace, isOver } = begun(false);
  clock.advance(2999);
  grace.dialled();
  assert.equal(isOver(), false);
  clock.advance(1);
  assert.equal(isOver(), true);
});

test('an agent behind the Service ends once nobody has dialled it for twelve seconds', () => {
  const { clock, grace, isOver } = begun(true);
  clock.advance(9000);
  grace.dialled();
  clock.advance(11_999);
  assert.equal(isOver(), false);
  clock.advance(1);
  assert.equal(isOver(), true);
});

test('an agent that is dialled all the time ends after 25 seconds', () => {
  const { clock, grace, isOver } = begun(true);
  for (let second = 1; second < 25; second++) {
    clock.advance(1000);
    grace.dialled();
    assert.equal(isOver(), false, `${second} s`);
  }
  clock.advance(1000);
  assert.equal(isOver(), true);
});
