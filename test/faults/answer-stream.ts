import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { corrupted, expiredLine, type Fault, type Interruption } from './fault.ts';

/** The body of one answer on its way to the client, and what becomes of it there. */
export class AnswerStream {
  readonly #answer: ServerResponse;
  #fault: Fault | undefined;
  #passed = 0;
  #isSilent = false;
  #isOver = false;

  constructor(answer: ServerResponse, fault: Fault | undefined) {
    this.#answer = answer;
    this.#fault = fault;
  }

  /** Half-open: nothing more comes, and it does not end. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  async forward(chunk: Buffer): Promise<void> {
    const fault = this.#fault;
    if (this.#isOver || this.#isSilent) return;
    if (fault?.kind === 'corrupt') {
      this.#fault = undefined;
      this.#answer.write(corrupted(chunk));
    } else if (fault?.kind === 'cut' && this.#passed + chunk.length > fault.afterBytes) {
      this.#break(chunk.subarray(0, fault.afterBytes - this.#passed));
    } else if (fault?.kind === 'trickle') {
      for (let from = 0; from < chunk.length && !this.#isOver && !this.#isSilent; from += fault.bytes) {
        // Healed meanwhile: the rest comes at once.
        const to = this.#fault === undefined ? chunk.length : from + fault.bytes;
        this.#answer.write(chunk.subarray(from, to));
        if (to >= chunk.length) break;
        await sleep(fault.everyMs);
      }
    } else this.#answer.write(chunk);
    this.#passed += chunk.length;
  }

  /** The API server's answer is at its end. */
  end(): void {
    if (this.#isOver || this.#isSilent) return;
    if (this.#fault?.kind === 'cut') this.break();
    else this.#answer.end();
  }

  /** The connection breaks here. */
  break(): void {
    this.#break(Buffer.alloc(0));
  }

  /** Ends every fault; a silent stream breaks, since what it has swallowed is lost. */
  heal(): void {
    this.#fault = undefined;
    if (this.#isSilent) this.break();
  }

  /** Does something to a watch that runs. */
  interrupt(how: Interruption): void {
    if (this.#isOver || this.#isSilent) return;
    if (how === 'silent') this.#isSilent = true;
    else if (how === 'expired') {
      this.#isOver = true;
      this.#answer.end(expiredLine);
    } else if (how === 'corrupt') this.#answer.write('{"type":"MODIFIED","object":{"metadata":{"name":"\u0001"}}}\n');
    else this.#break(Buffer.from('{"type":"MODIFIED","object":{"kind":"'));
  }

  /** What was written before still goes out. */
  #break(last: Buffer): void {
    this.#isOver = true;
    if (last.length > 0) this.#answer.write(last, () => this.#answer.destroy());
    else this.#answer.destroy();
  }
}
