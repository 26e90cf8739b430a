import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Clock } from '../base/clock.ts';
import { Slices } from '../base/slices.ts';
import type { UnreadLimits } from './listener-limits.ts';
import { gzipInSlices, gzipLevel } from './sliced-gzip.ts';
import { UnreadBodies } from './unread-bodies.ts';

/** How long an exposition is served before it is rendered again, in milliseconds. */
export const expositionMs = 1000;

/** After rendering or compressing for so long, everything else has its turn. Milliseconds. */
const sliceMs = 5;

/** Pieces of text are put together to so many characters. */
const chunkLength = 262_144;

/** The metrics as text, with their content type. */
export interface Exposition {
  /** As a whole, or in pieces that are rendered one after the other. */
  text: string | Iterable<string | Promise<string>>;
  contentType: string;
}

/** An exposition that is ready to be sent, in the form that was asked for. */
export interface ExpositionBody {
  readonly contentType: string;
  /**
   * The bytes for a response. A form that was not asked for is made now, in one piece.
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
  clock: Pick<Clock, 'after' | 'monotonic'>;
}

/** The one that is served within a second. */
interface CurrentExposition extends ExpositionBody {
  /** Has `bytesFor` do no work for this form. */
  prepare(form: 'plain' | 'gzip'): Promise<void>;
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
  #current: Promise<CurrentExposition | undefined> | undefined;

  constructor(parts: SharedExpositionParts) {
    this.#parts = parts;
    this.#plain = new UnreadBodies(parts.limits.plainBytes, parts.unread);
    this.#gzip = new UnreadBodies(parts.limits.gzipBytes, parts.unread);
  }

  /** Length of the expositions that responses keep, in both forms. */
  get unreadBytes(): number {
    return this.#plain.bytes + this.#gzip.bytes;
  }

  /**
   * Renders the metrics unless that was done within the last second. Never rejects.
   * @param form in which they will be sent
   * @returns undefined if the metrics cannot be rendered
   */
  async get(form: 'plain' | 'gzip' = 'plain'): Promise<ExpositionBody | undefined> {
    this.#current ??= this.#make();
    const body = await this.#current;
    await body?.prepare(form);
    return body;
  }

  async #make(): Promise<CurrentExposition | undefined> {
    const { render, failed, clock } = this.#parts;
    this.#plain.limit();
    this.#gzip.limit();
    try {
      const { text, contentType } = await render();
      return this.#body(await this.#bytesOf(text), contentType);
    } catch (error) {
      failed(error as Error);
      return undefined;
    } finally {
      clock.after(expositionMs, () => {
        this.#current = undefined;
      });
    }
  }

  async #bytesOf(text: Exposition['text']): Promise<Buffer> {
    if (typeof text === 'string') return Buffer.from(text);
    const slices = new Slices(this.#parts.clock, sliceMs);
    const chunks: Buffer[] = [];
    let chunk = '';
    for (const piece of text) {
      chunk += typeof piece === 'string' ? piece : await piece;
      if (chunk.length >= chunkLength) {
        chunks.push(Buffer.from(chunk));
        chunk = '';
      }
      if (slices.isOver) await slices.next();
    }
    if (chunks.length === 0) return Buffer.from(chunk);
    return Buffer.concat([...chunks, Buffer.from(chunk)]);
  }

  #body(plain: Buffer, contentType: string): CurrentExposition {
    let gzip: Buffer | undefined;
    let compressing: Promise<void> | undefined;
    return {
      contentType,
      prepare: async (form) => {
        if (form === 'plain' || gzip) return;
        compressing ??= gzipInSlices(plain, new Slices(this.#parts.clock, sliceMs)).then((bytes) => {
          gzip ??= bytes;
        });
        await compressing;
      },
      bytesFor: (response, form) => {
        if (form === 'plain') {
          this.#plain.add(plain, response);
          return plain;
        }
        // Synchronous: asynchronous compression starts a thread pool that keeps its memory.
        gzip ??= gzipSync(plain, { level: gzipLevel });
        this.#gzip.add(gzip, response);
        return gzip;
      },
    };
  }
}
