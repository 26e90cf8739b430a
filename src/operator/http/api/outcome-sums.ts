import type { LinkState } from '../../../contract/suspects.ts';
import { stateOfCounts } from '../../judge/link-states.ts';
import type { Observations } from '../../judge/observations.ts';

/** Sums of the attempts of several streams, within the window and its second half. */
export class OutcomeSums {
  attempts = 0;
  bad = 0;
  slow = 0;
  #halfAttempts = 0;
  #halfBad = 0;
  #halfSlow = 0;

  addStream(observations: Observations, stream: number): void {
    const { attempts, bad } = observations.outcomeOf(stream, 'whole');
    this.attempts += attempts;
    this.bad += bad;
    this.slow += observations.counts.sums('slow', 'whole')[stream]!;
    const half = observations.outcomeOf(stream, 'half');
    this.#halfAttempts += half.attempts;
    this.#halfBad += half.bad;
    this.#halfSlow += observations.counts.sums('slow', 'half')[stream]!;
  }

  add(other: OutcomeSums): void {
    this.attempts += other.attempts;
    this.bad += other.bad;
    this.slow += other.slow;
    this.#halfAttempts += other.#halfAttempts;
    this.#halfBad += other.#halfBad;
    this.#halfSlow += other.#halfSlow;
  }

  /** Undefined without attempts. */
  stateBy(failureRatio: number): LinkState | undefined {
    return stateOfCounts({ attempts: this.#halfAttempts, bad: this.#halfBad, slow: this.#halfSlow }, failureRatio);
  }

  /** As an answer has them. */
  get counts(): { attempts: number; bad: number; slow: number } {
    const { attempts, bad, slow } = this;
    return { attempts, bad, slow };
  }
}
