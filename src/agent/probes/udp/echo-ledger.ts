import { randomBytes } from 'node:crypto';
import type { EchoReceipt } from '../../echo/echo-message.ts';
import type { Losses } from '../probe.ts';

/** What came of a packet: the peer's receipt in its answer; nothing; or word that it has not arrived. */
export type EchoOutcome = EchoReceipt | 'lost' | 'undelivered';

interface Checkpoint {
  sent: number;
  received: number;
  counting: number | undefined;
}

/**
 * What is known of all packets from one prober to one peer, from which it tells where packets were lost: of those sent between two that
 * were answered, the peer's counts say how many arrived. So the direction of a loss is known once a later packet is answered; a loss that
 * neither its own turn nor the next one tells about is `unknown`.
 */
export class EchoLedger {
  /** What tells this prober from all others, to this peer. */
  readonly prober: Uint8Array = randomBytes(8);
  #turn = 0n;
  /** Packets of which there is no word that they have not arrived. */
  #sent = 0;
  /** At the last answer. A prober that has no answer yet begins with a peer that counts none of it. */
  #checkpoint: Checkpoint = { sent: 0, received: 0, counting: undefined };
  /** Losses of the last turn, behind its last answer. */
  #pending = 0;
  /** Losses since the checkpoint that are called unknown by now. */
  #untold = 0;

  /** Begins a turn. @returns its number */
  begin(): bigint {
    return ++this.#turn;
  }

  /** Ends a turn whose packets may have been sent, but of which nobody waits for an answer any longer. */
  abandon(packets: number): void {
    this.#sent += packets;
    this.#untold += this.#pending + packets;
    this.#pending = 0;
  }

  /**
   * Ends a turn.
   * @param outcomes of its packets, in the order of sending
   * @returns the losses that are told apart now, among them those that the last turn left open
   */
  settle(outcomes: readonly EchoOutcome[]): Losses {
    const sent = outcomes.filter((outcome) => outcome !== 'undelivered');
    const receipts = sent.filter((outcome) => outcome !== 'lost');
    const answered = sent.findLastIndex((outcome) => outcome !== 'lost') + 1;
    const told = receipts.length > 0 ? this.#tell(answered, receipts) : this.#giveUpPending();
    this.#sent += sent.length;
    this.#pending = sent.length - answered;
    if (this.#checkpoint.counting !== undefined) return told;
    // A peer that never answered may not be there yet: what is found out later is not about this turn.
    const unknown = this.#pending;
    this.#untold += unknown;
    this.#pending = 0;
    return { forward: 0, return: 0, unknown };
  }

  /** @param answered how many of this turn's packets were sent up to the last that was answered */
  #tell(answered: number, receipts: readonly EchoReceipt[]): Losses {
    const { counting } = receipts.at(-1)!;
    // Where the network changed the order, the last packet's answer is not the one with the highest count.
    const received = Math.max(...receipts.map((receipt) => (receipt.counting === counting ? receipt.received : 0)));
    const before = this.#checkpoint;
    const lost = this.#pending + answered - receipts.length;
    const unarrived = this.#sent + answered - before.sent - (received - before.received);
    const comparable = before.counting === undefined || before.counting === counting;
    const untold = this.#untold;
    this.#checkpoint = { sent: this.#sent + answered, received, counting };
    this.#untold = 0;
    // A count that cannot be: the peer is another one, or began anew.
    if (!comparable || unarrived < 0 || unarrived > lost + untold) return { forward: 0, return: 0, unknown: lost };
    // Some of those that did not arrive may be among the losses that were called unknown before.
    const forward = Math.max(0, unarrived - untold);
    const back = Math.max(0, lost - unarrived);
    return { forward, return: back, unknown: lost - forward - back };
  }

  #giveUpPending(): Losses {
    const unknown = this.#pending;
    this.#untold += unknown;
    return { forward: 0, return: 0, unknown };
  }
}
