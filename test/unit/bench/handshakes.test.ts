import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { handshakes, type TcpSegment } from '../../../bench/handshakes.ts';

const own = '10.0.0.1';
const peer = '10.0.0.2';

function outgoing(at: number, flags: Partial<TcpSegment> = {}): TcpSegment {
  const ports = { source: own, sourcePort: 40_000, destination: peer, destinationPort: 8000 };
  return { at, ...ports, syn: false, ack: false, reset: false, sequence: 1, ...flags };
}

function incoming(at: number, flags: Partial<TcpSegment> = {}): TcpSegment {
  const ports = { source: peer, sourcePort: 8000, destination: own, destinationPort: 40_000 };
  return { at, ...ports, syn: false, ack: true, reset: false, sequence: 9, ...flags };
}

describe('handshakes', () => {
  it('last from the first SYN to the first SYN-ACK and are over with the reset', () => {
    const found = handshakes(
      [
        outgoing(10, { syn: true }),
        incoming(10.5, { syn: true }),
        incoming(10.75, { syn: true }),
        outgoing(11, { ack: true }),
        outgoing(12, { reset: true }),
      ],
      own,
    );
    assert.deepEqual(found, [
      { host: '10.0.0.2:8000', localPort: 40_000, startedAt: 10, seconds: 0.5, retransmits: 0, resetAt: 12 },
    ]);
  });

  it('count SYNs that were sent again, and last from the first', () => {
    const [found] = handshakes(
      [
        outgoing(10, { syn: true }),
        outgoing(11, { syn: true }),
        outgoing(13, { syn: true }),
        incoming(13.5, { syn: true }),
      ],
      own,
    );
    assert.equal(found?.retransmits, 2);
    assert.equal(found?.seconds, 3.5);
  });

  it('without an answer have no duration', () => {
    const [found] = handshakes([outgoing(10, { syn: true }), incoming(10.5, { reset: true })], own);
    assert.equal(found?.seconds, undefined);
    assert.equal(found?.resetAt, undefined, "the other side's reset is not ours");
  });

  it('are told apart by the sequence number where the ports are used again', () => {
    const found = handshakes(
      [outgoing(10, { syn: true }), incoming(10.5, { syn: true }), outgoing(20, { syn: true, sequence: 2 })],
      own,
    );
    assert.deepEqual(
      found.map(({ startedAt, retransmits }) => [startedAt, retransmits]),
      [
        [10, 0],
        [20, 0],
      ],
    );
  });

  it('of others, who dial the place of the capture, are left out', () => {
    const toUs = { source: peer, sourcePort: 50_000, destination: own, destinationPort: 8000 };
    const answer = { source: own, sourcePort: 8000, destination: peer, destinationPort: 50_000 };
    assert.deepEqual(
      handshakes(
        [incoming(10, { ...toUs, syn: true, ack: false }), outgoing(10.1, { ...answer, syn: true, ack: true })],
        own,
      ),
      [],
    );
  });
});
