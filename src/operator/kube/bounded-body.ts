import { ApiError } from './api-error.ts';

/**
 * The whole of an answer's body as text.
 * @throws ApiError as soon as it is longer than `maxBytes`: what is no answer of an API server must not fill the memory
 */
export async function readBounded(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    // Leaving the loop ends the connection.
    if (length > maxBytes) throw new ApiError('Unexpected', `unexpected response: longer than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
