/** A finding as hysteresis sees it. */
export interface Sighting {
  key: string;
  /** In nats. */
  score: number;
  /** Share of bad attempts in the last two holds. */
  rateNow: number;
  /** Whether it may turn out to be several narrower ones, so that it is not raised yet. */
  isMixed: boolean;
  /** Whether it is about to end, so that it is not raised any more. */
  isFading: boolean;
  /** Whether only the agents at its ends see it, so that it may turn out to be a part of a wider one. */
  isPath: boolean;
  /** Whether it is the way between two zones. */
  isZonePair: boolean;
}

/** A clear finding is raised after so long, any other after `raiseMs`. Milliseconds. */
const raiseClearMs = 10_000;
const raiseMs = 20_000;

/** A path that loses some of its packets may be the first that shows of a node or a zone that does. Milliseconds. */
const raiseSoftPathMs = 75_000;

/** A finding is clear from this score and this share of bad attempts on. */
const clearScore = 10;
const clearRate = 0.5;

/**
 * What is between two zones is also clear from this score on: losses on many links that have nothing else in common are
 * nothing else, however few.
 */
const clearZonePairScore = 20;

/** Of a path, with few attempts, this share of bad ones says that nothing gets through. */
const hardPathRate = 0.75;

/**
 * A finding that is not raised yet is forgotten after so long without it, in milliseconds. A shorter gap is none: the
 * few attempts of a report say little.
 */
const gapMs = 30_000;
const gapOfPathMs = 10_000;

/** A suspect is cleared when it has not been found for so long, in milliseconds. */
const clearMs = 30_000;

interface Kept {
  /** For how long it has been found, without the time in which it was mixed. */
  foundMs: number;
  seenAt: number;
  isRaised: boolean;
  /** Not cleared before. */
  heldUntil: number;
  isPath: boolean;
}

/** The keys that a judgement changed. */
export interface Changes {
  raised: string[];
  cleared: string[];
}

/**
 * Decides when a finding becomes a suspect and when it ceases to be one, so that neither a judgement in between nor a
 * short gap changes what users see. All times are monotonic milliseconds.
 */
export class Hysteresis {
  readonly #kept = new Map<string, Kept>();

  /** Keys of suspects. */
  get raised(): Set<string> {
    return new Set([...this.#kept].filter(([, { isRaised }]) => isRaised).map(([key]) => key));
  }

  /**
   * Takes over suspects of a former leader. They are not cleared before a window has passed, because the reports that
   * they were found by are not known.
   */
  adopt(keys: Iterable<string>, now: number, windowMs: number): void {
    const adopted = { foundMs: 0, seenAt: now, isRaised: true, heldUntil: now + windowMs, isPath: false };
    for (const key of keys) this.#kept.set(key, { ...adopted });
  }

  /** Takes in the findings of one judgement. @param isBlind whether too few agents report to clear anything */
  update(sightings: readonly Sighting[], now: number, isBlind: boolean): Changes {
    const raised: string[] = [];
    const cleared: string[] = [];
    const found = new Set<string>();
    for (const { key, score, rateNow, isMixed, isFading, isPath, isZonePair } of sightings) {
      found.add(key);
      const kept = this.#kept.get(key) ?? { foundMs: 0, seenAt: now, isRaised: false, heldUntil: 0, isPath };
      this.#kept.set(key, kept);
      if (!isMixed) kept.foundMs += now - kept.seenAt;
      kept.seenAt = now;
      if (kept.isRaised || isFading || isMixed) continue;
      const isSoft = rateNow < (isPath ? hardPathRate : clearRate);
      const isClear = isSoft ? isZonePair && score >= clearZonePairScore : score >= clearScore;
      if (kept.foundMs < (isClear ? raiseClearMs : isPath && isSoft ? raiseSoftPathMs : raiseMs)) continue;
      kept.isRaised = true;
      raised.push(key);
    }
    for (const [key, kept] of this.#kept) {
      if (found.has(key)) continue;
      if (!kept.isRaised) {
        if (now - kept.seenAt > (kept.isPath ? gapOfPathMs : gapMs)) this.#kept.delete(key);
      } else if (isBlind) kept.seenAt = now;
      else if (now - kept.seenAt >= clearMs && now >= kept.heldUntil) {
        this.#kept.delete(key);
        cleared.push(key);
      }
    }
    return { raised, cleared };
  }
}
