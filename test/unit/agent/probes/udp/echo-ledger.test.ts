import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EchoReceipts } from '../../../../../src/agent/echo/echo-receipts.ts';
import type { Losses } from '../../../../../src/agent/probes/probe.ts';
import { EchoLedger, type EchoOutcome } from '../../../../../src/agent/probes/udp/echo-ledger.ts';

/** What the network does to a packet. */
type Fate = 'answered' | 'forward' | 'return' | 'refused';

const none: Losses = { forward: 0, return: 0, unknown: 0 };

/** A prober and its peer with a network between them that does as it is told. */
function link() {
  const ledger = new EchoLedger();
  let receipts = new EchoReceipts();
  return {
    ledger,
    turn(...fates: Fate[]): Losses {
      const turn = ledger.begin();
      return ledger.settle(
        fates.map((fate, sequence): EchoOutcome => {
          if (fate === 'refused') return 'undelivered';
          if (fate === 'forward') return 'lost';
          const receipt = receipts.count({ prober: ledger.prober, turn, sequence });
          return fate === 'return' ? 'lost' : receipt;
        }),
      );
    },
    restartPeer() {
      receipts = new EchoReceipts();
    },
  };
}

describe('EchoLedger', () => {
  it('tells nothing where nothing is lost', () => {
    const { turn } = link();
    for (let n = 0; n < 5; n++) assert.deepEqual(turn('answered', 'answered', 'answered'), none);
  });

  it('tells on which way a packet was lost once a later one of the turn is answered', () => {
    const { turn } = link();
    assert.deepEqual(turn('forward', 'answered', 'answered'), { ...none, forward: 1 });
    assert.deepEqual(turn('return', 'answered', 'answered'), { ...none, return: 1 });
    assert.deepEqual(turn('return', 'forward', 'answered'), { ...none, forward: 1, return: 1 });
  });

  it('tells of the last packets of a turn with the next one', () => {
    const { turn } = link();
    assert.deepEqual(turn('answered', 'forward', 'return'), none);
    assert.deepEqual(turn('answered', 'answered', 'answered'), { ...none, forward: 1, return: 1 });
  });

  it('tells of single packets, too', () => {
    const { turn } = link();
    turn('answered');
    assert.deepEqual([turn('forward'), turn('answered')], [none, { ...none, forward: 1 }]);
    assert.deepEqual([turn('return'), turn('answered')], [none, { ...none, return: 1 }]);
  });

  it('calls unknown what neither its own turn nor the next one tells about', () => {
    const { turn } = link();
    turn('answered');
    assert.deepEqual(turn('forward', 'forward'), none);
    assert.deepEqual(turn('forward', 'forward'), { ...none, unknown: 2 });
    assert.deepEqual(turn('forward', 'forward'), { ...none, unknown: 2 });
    assert.deepEqual(turn('answered', 'answered'), { ...none, forward: 2 }, 'the last turn of the outage');
  });

  it('tells of the end of an outage on the way back', () => {
    const { turn } = link();
    turn('answered');
    for (let n = 0; n < 5; n++) turn('return', 'return');
    assert.deepEqual(turn('answered', 'answered'), { ...none, return: 2 });
  });

  it('does not guess where losses on both ways cannot be told apart', () => {
    const { turn } = link();
    turn('answered');
    turn('forward', 'return');
    turn('return', 'return');
    assert.deepEqual(turn('answered'), { ...none, return: 1, unknown: 1 });
  });

  it('leaves nothing open of a peer that has never answered, and begins with its first answer', () => {
    const { turn } = link();
    for (let n = 0; n < 3; n++) assert.deepEqual(turn('forward', 'forward'), { ...none, unknown: 2 });
    assert.deepEqual(turn('answered', 'answered'), none);
    assert.deepEqual(turn('forward', 'answered'), { ...none, forward: 1 });
  });

  it('takes a peer that began to count anew for another one', () => {
    const { turn, restartPeer } = link();
    for (let n = 0; n < 3; n++) turn('answered', 'answered');
    turn('answered', 'forward');
    restartPeer();
    assert.deepEqual(turn('answered', 'answered'), { ...none, unknown: 1 });
    assert.deepEqual(turn('forward', 'answered'), { ...none, forward: 1 });
  });

  it('does not take what was refused for lost', () => {
    const { turn } = link();
    turn('answered');
    assert.deepEqual(turn('refused', 'forward', 'refused', 'answered'), { ...none, forward: 1 });
    assert.deepEqual(turn('refused', 'refused'), none);
    assert.deepEqual(turn('answered'), none);
  });

  it('is not confused by a turn that was broken off', () => {
    const { ledger, turn } = link();
    turn('answered');
    ledger.begin();
    ledger.abandon(3);
    assert.deepEqual(turn('return', 'answered'), { ...none, unknown: 1 });
    assert.deepEqual(turn('return', 'answered'), { ...none, return: 1 });
  });

  it('takes no harm from packets that overtake each other', () => {
    const ledger = new EchoLedger();
    ledger.begin();
    const counted = (received: number): EchoOutcome => ({ counting: 1, received });
    assert.deepEqual(ledger.settle([counted(2), counted(1), counted(3)]), none);
    ledger.begin();
    assert.deepEqual(ledger.settle([counted(4), counted(6), counted(5)]), none);
  });

  it('never says of more losses that they were on a way than were lost on it, and of each once', () => {
    const fates = fc.constantFrom<Fate>('answered', 'forward', 'return', 'refused');
    fc.assert(
      fc.property(fc.array(fc.array(fates, { minLength: 1, maxLength: 10 }), { maxLength: 20 }), (turns) => {
        const { turn } = link();
        const told = { ...none };
        const real = { forward: 0, return: 0 };
        let open = 0;
        for (const [index, packets] of turns.entries()) {
          const losses = turn(...packets);
          for (const fate of packets) if (fate === 'forward' || fate === 'return') real[fate]++;
          for (const direction of ['forward', 'return', 'unknown'] as const) told[direction] += losses[direction];
          open = real.forward + real.return - told.forward - told.return - told.unknown;
          assert.ok(told.forward <= real.forward && told.return <= real.return, `turn ${index}`);
          assert.ok(open >= 0 && open <= packets.length, 'only this turn’s losses are open');
        }
        assert.ok(open <= (turns.at(-1)?.length ?? 0));
      }),
    );
  });

  it('tells of every loss, and of none wrongly, when each turn has an answer', () => {
    const fates = fc.constantFrom<Fate>('answered', 'forward', 'return', 'refused');
    const turns = fc.array(fc.array(fates, { maxLength: 9 }), { maxLength: 20 });
    fc.assert(
      fc.property(turns, (given) => {
        const { turn } = link();
        const told = { ...none };
        const real = { ...none };
        for (const packets of [['answered'] as Fate[], ...given]) {
          const losses = turn(...packets, 'answered');
          for (const fate of packets) if (fate === 'forward' || fate === 'return') real[fate]++;
          for (const direction of ['forward', 'return', 'unknown'] as const) told[direction] += losses[direction];
        }
        assert.deepEqual(told, real);
      }),
    );
  });
});
