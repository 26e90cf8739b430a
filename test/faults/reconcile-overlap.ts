/** Finds, in an operator's log at level debug, keys that one controller reconciles twice at once. */
export class ReconcileOverlap {
  readonly #underWay = new Map<string, number>();
  /** Each in a sentence. */
  readonly found: string[] = [];
  /** How many reconciles have ended. */
  ended = 0;

  /** Takes one line of the log. */
  take(line: { msg?: string; controller?: string; key?: string; reconcile?: number }): void {
    const { msg, controller = '', reconcile } = line;
    if (line.key === undefined || reconcile === undefined) return;
    const key = `${controller} ${line.key}`.trim();
    if (msg === 'reconcile started') {
      const other = this.#underWay.get(key);
      if (other !== undefined) this.found.push(`${key}: reconcile ${reconcile} began while ${other} was under way`);
      this.#underWay.set(key, reconcile);
    } else if (msg === 'reconcile ended') {
      if (this.#underWay.get(key) === reconcile) this.#underWay.delete(key);
      this.ended++;
    }
  }
}
