/** How many different facts are told about one thing until it is forgotten. */
const maxFacts = 8;

/**
 * Which facts about things that do not work are worth a line in the log: each one once. Retries would fill the log otherwise,
 * also those that fail for two reasons in turn.
 */
export class ReportOnce {
  readonly #facts = new Map<string, Set<string>>();

  /** @returns whether this is to be told: it has not been since the thing was forgotten */
  isNew(thing: string, fact: string): boolean {
    const facts = this.#facts.get(thing) ?? new Set();
    this.#facts.set(thing, facts);
    if (facts.has(fact) || facts.size >= maxFacts) return false;
    facts.add(fact);
    return true;
  }

  /** The thing works. @returns whether anything had been told about it */
  forget(thing: string): boolean {
    return this.#facts.delete(thing);
  }
}
