/** A subject with the most that it can score, or what it scored when it was weighed. */
export interface Candidate {
  id: number;
  most: number;
}

/** Candidates by the most that they can score: a binary heap. */
export class CandidateQueue {
  readonly #items: Candidate[];

  constructor(items: Candidate[]) {
    this.#items = items;
    for (let place = (items.length >> 1) - 1; place >= 0; place--) this.#sink(place, items[place]!);
  }

  /** Removes the one that can score most; undefined if there is none. */
  pop(): Candidate | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(0, last);
    return first;
  }

  push(item: Candidate): void {
    let place = this.#items.push(item) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#items[parent]!.most >= item.most) break;
      this.#items[place] = this.#items[parent]!;
      place = parent;
    }
    this.#items[place] = item;
  }

  #sink(from: number, item: Candidate): void {
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#items.length) break;
      if (child + 1 < this.#items.length && this.#items[child + 1]!.most > this.#items[child]!.most) child++;
      if (this.#items[child]!.most <= item.most) break;
      this.#items[place] = this.#items[child]!;
      place = child;
    }
    this.#items[place] = item;
  }
}
