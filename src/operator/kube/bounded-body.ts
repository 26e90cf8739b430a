import { ApiError } from './api-error.ts';

/** Called once a body has so many bytes; the rest is read after that. */
export interface Mark {
  bytes: number;
  reached: () => Promise<void>;
}

/**
 * Reads the whole body of a response as text.
 * @throws ApiError TooLarge as soon as it exceeds `maxBytes`, because no response may fill the memory
 */
export async function readBounded(body: AsyncIterable<Buffer>, maxBytes: number, mark?: Mark): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    const before = length;
    length += piece.length;
    // Leaving the loop ends the connection.
    if (length > maxBytes) throw new ApiError('TooLarge', `the response exceeds ${maxBytes} bytes`);
    pieces.push(piece);
    if (mark && before < mark.bytes && length >= mark.bytes) await mark.reached();
  }
  return Buffer.concat(pieces).toString('utf8');
}
