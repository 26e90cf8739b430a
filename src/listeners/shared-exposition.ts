import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Clock } from '../base/clock.ts';
import type { UnreadLimits } from './listener-limits.ts';
import { UnreadBodies } from './unread-bodies.ts';

/** How long an exposition is served before it is rendered again, in milliseconds. */
export const expositionMs = 1000;

/** The metrics as text, with their content type. */
export interface Exposition {
  text: string;
  contentType: string;
}

/** An exposition that is ready to be sent, in both forms. */
export interface ExpositionBody {
  readonly contentType: string;
  /**
   * The bytes for a response.
   * @param response which the caller sends them with
   */
  bytesFor(response: ServerResponse, form: 'plain' | 'gzip'): Buffer;
}

export interface SharedExpositionParts {
  render: () => Promise<Exposition>;
  /** Called once for each rendering that fails. */
  failed: (error: Error) => void;
  /** Called for each connection that is ended because its client does not read the metrics. */
  unread: () => void;
  limits: UnreadLimits;
  clock: Pick<Clock, 'after'>;
}

/**
 * Renders the metrics at most once a second, whatever the number of scrapes, and shares text and gzip among them. A
 * failure is shared likewise. After that second, only responses that have not been read yet keep an exposition: of
 * each form as many bytes as `limits` says, so that clients without compression do not take the memory of scrapers.
 */
export class SharedExposition {
  readonly #parts: SharedExpositionParts;
  readonly #plain: UnreadBodies;
  readonly #gzip: UnreadBodies;
  #current: Promise<ExpositionBody | undefined> | undefined;

  constructor(parts: SharedExpositionParts) {
    this.#parts = parts;
    this.#plain = new UnreadBodies(parts.limits.plainBytes, parts.unread);
    this.#gzip = new UnreadBodies(parts.limits.gzipBytes, parts.unread);
  }

  /** Length of the expositions that responses keep, in both forms. */
  get unreadBytes(): number {
    return this.#plain.bytes + this.#gzip.bytes;
  }

  /** Never rejects. @returns undefined if the metrics cannot be rendered */
  get(): Promise<ExpositionBody | undefined> {
    this.#current ??= this.#make();
    return this.#current;
  }

  async #make(): Promise<ExpositionBody | undefined> {
    const { render, failed, clock } = this.#parts;
    this.#plain.limit();
    this.#gzip.limit();
    try {
      return this.#body(await render());
    } catch (error) {
      failed(error as Error);
      return undefined;
    } finally {
      clock.after(expositionMs, () => {
        this.#current = undefined;
      });
    }
  }

  #body({ text, contentType }: Exposition): ExpositionBody {
    const plain = Buffer.from(text);
    let gzip: Buffer | undefined;
    return {
      contentType,
      bytesFor: (response, form) => {
        if (form === 'plain') {
          this.#plain.add(plain, response);
          return plain;
        }
        // Synchronous, about a millisecond: asynchronous compression starts a thread pool that keeps its memory.
        gzip ??= gzipSync(plain, { level: 4 });
        this.#gzip.add(gzip, response);
        return gzip;
      },
    };
  }
}
