import { ApiError } from './api-error.ts';

/**
 * Reads the whole body of a response as text.
 * @throws ApiError TooLarge as soon as it exceeds `maxBytes`, because no response may fill the memory
 */
export async function readBounded(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    // Leaving the loop ends the connection.
    if (length > maxBytes) throw new ApiError('TooLarge', `the response exceeds ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
