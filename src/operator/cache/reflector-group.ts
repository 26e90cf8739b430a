import type { Reflector } from './reflector.ts';

/** A reflector, or something else that fills a cache. */
export type Reflects = Pick<Reflector<unknown>, 'obstacle' | 'notices' | 'synced' | 'run'>;

/** The reflectors of all caches that someone needs, as one. */
export class ReflectorGroup {
  readonly #members: readonly Reflects[];

  constructor(members: readonly Reflects[]) {
    this.#members = members;
  }

  /** Why caches do not hold what they should, each in a sentence. */
  get obstacles(): string[] {
    return this.#members.map(({ obstacle }) => obstacle).filter((why) => why !== undefined);
  }

  /** What people should know although the caches are complete, each in a sentence. */
  get notices(): string[] {
    return this.#members.flatMap(({ notices }) => notices);
  }

  /** Resolves once every cache has held the whole content. */
  get synced(): Promise<unknown> {
    return Promise.all(this.#members.map(({ synced }) => synced));
  }

  /** Watches until the signal is aborted. It never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#members.map((member) => member.run(signal)));
  }
}
