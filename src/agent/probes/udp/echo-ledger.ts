import { randomBytes } from 'node:crypto';
import type { EchoReceipt } from '../../echo/echo-message.ts';
import type { Losses } from '../probe.ts';

/** Outcome of a packet: the receipt of the answer, no answer, or an ICMP error that says it did not arrive. */
export type EchoOutcome = EchoReceipt | 'lost' | 'undelivered';

interface Checkpoint {
  sent: number;
  received: number;
  counting: number | undefined;
}

/**
 * Tracks all packets from one prober to one peer to find the direction of losses: the counts in two receipts show how
 * many of the packets sent in between arrived. The direction of a loss is therefore known once a later packet is
 * answered. A loss that neither its own turn nor the next one explains is `unknown`.
 */
export class EchoLedger {
  /** Identifies this prober to the peer. */
  readonly prober: Uint8Array = randomBytes(8);
  #turn = 0;
  /** Packets sent without an error that says they did not arrive. */
  #sent = 0;
  /** State at the last answer. Until the first answer, a peer has counted nothing. */
  #checkpoint: Checkpoint = { sent: 0, received: 0, counting: undefined };
  /** Losses of the last turn after its last answer. */
  #pending = 0;
  /** Losses since the checkpoint that were reported as unknown. */
  #unexplained = 0;

  /** Starts a turn. @returns its number */
  begin(): number {
    return ++this.#turn;
  }

  /** Ends a turn that was aborted: its packets may have been sent, but answers are no longer awaited. */
  abandon(packets: number): void {
    this.#sent += packets;
    this.#unexplained += this.#pending + packets;
    this.#pending = 0;
  }

  /**
   * Ends a turn.
   * @param outcomes of its packets, in the order of sending
   * @returns the losses by direction, including those that the previous turn left open
   */
  settle(outcomes: readonly EchoOutcome[]): Losses {
    const sent = outcomes.filter((outcome) => outcome !== 'undelivered');
    const receipts = sent.filter((outcome) => outcome !== 'lost');
    const answered = sent.findLastIndex((outcome) => outcome !== 'lost') + 1;
    const losses = receipts.length > 0 ? this.#attribute(answered, receipts) : this.#giveUpPending();
    this.#sent += sent.length;
    this.#pending = sent.length - answered;
    if (this.#checkpoint.counting !== undefined) return losses;
    // A peer that never answered may not exist yet: later receipts say nothing about this turn.
    const unknown = this.#pending;
    this.#unexplained += unknown;
    this.#pending = 0;
    return { forward: 0, return: 0, unknown };
  }

  /** @param answered number of packets of this turn up to the last answered one */
  #attribute(answered: number, receipts: readonly EchoReceipt[]): Losses {
    const { counting } = receipts.at(-1)!;
    // If the network reordered packets, the answer to the last packet does not have the highest count.
    const received = Math.max(...receipts.map((receipt) => (receipt.counting === counting ? receipt.received : 0)));
    const before = this.#checkpoint;
    const lost = this.#pending + answered - receipts.length;
    const unarrived = this.#sent + answered - before.sent - (received - before.received);
    const comparable = before.counting === undefined || before.counting === counting;
    const unexplained = this.#unexplained;
    this.#checkpoint = { sent: this.#sent + answered, received, counting };
    this.#unexplained = 0;
    // Impossible count: the peer was replaced or restarted.
    if (!comparable || unarrived < 0 || unarrived > lost + unexplained) return { forward: 0, return: 0, unknown: lost };
    // Some of the packets that did not arrive may have been reported as unknown before.
    const forward = Math.max(0, unarrived - unexplained);
    const back = Math.max(0, lost - unarrived);
    return { forward, return: back, unknown: lost - forward - back };
  }

  #giveUpPending(): Losses {
    const unknown = this.#pending;
    this.#unexplained += unknown;
    return { forward: 0, return: 0, unknown };
  }
}
