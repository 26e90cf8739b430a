/** Maximum number of streams of all NetExporters. Each takes about 270 bytes. */
export const maxStreams = 250_000;

/** The streams that all judges share, so that many targets of many agents take bounded memory. */
export class StreamBudget {
  #left: number;

  constructor(max = maxStreams) {
    this.#left = max;
  }

  /** @returns whether there may be one more stream */
  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  release(): void {
    this.#left++;
  }
}
