import { gzipSync } from 'node:zlib';
import type { Clock } from '../base/clock.ts';

/** How long an exposition is served before it is rendered again, in milliseconds. */
export const expositionMs = 1000;

/** The metrics as text, with their content type. */
export interface Exposition {
  text: string;
  contentType: string;
}

/** An exposition that is ready to be sent, in both forms. */
export class ExpositionBody {
  readonly contentType: string;
  readonly plain: Buffer;
  #gzip: Buffer | undefined;

  constructor({ text, contentType }: Exposition) {
    this.contentType = contentType;
    this.plain = Buffer.from(text);
  }

  get gzip(): Buffer {
    // Synchronous, about a millisecond: asynchronous compression starts a thread pool whose memory is never released.
    this.#gzip ??= gzipSync(this.plain, { level: 4 });
    return this.#gzip;
  }
}

/**
 * Renders the metrics at most once a second, whatever the number of scrapes, and shares text and gzip among them. A
 * failure is shared likewise. Nothing is kept for longer than that second.
 */
export class SharedExposition {
  readonly #render: () => Promise<Exposition>;
  readonly #failed: (error: Error) => void;
  readonly #clock: Pick<Clock, 'after'>;
  #current: Promise<ExpositionBody | undefined> | undefined;

  /** @param failed called once for each rendering that fails */
  constructor(render: () => Promise<Exposition>, failed: (error: Error) => void, clock: Pick<Clock, 'after'>) {
    this.#render = render;
    this.#failed = failed;
    this.#clock = clock;
  }

  /** Never rejects. @returns undefined if the metrics cannot be rendered */
  get(): Promise<ExpositionBody | undefined> {
    this.#current ??= this.#make();
    return this.#current;
  }

  async #make(): Promise<ExpositionBody | undefined> {
    try {
      return new ExpositionBody(await this.#render());
    } catch (error) {
      this.#failed(error as Error);
      return undefined;
    } finally {
      this.#clock.after(expositionMs, () => {
        this.#current = undefined;
      });
    }
  }
}
