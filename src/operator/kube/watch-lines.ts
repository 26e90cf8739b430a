import { ApiError } from './api-error.ts';

/** Maximum length of a watch event in bytes: larger than any object in JSON. */
const maxLineBytes = 16 * 1024 * 1024;

/** A line that does not end after this many bytes ends the watch: the server is not an API server. */
const longestSkipBytes = 4 * maxLineBytes;

/**
 * Splits a stream of JSON documents, one per line, as a watch sends them. Drops text after the last line feed, because
 * it is part of a line that was cut off.
 * @returns undefined for a line that is too long, so that one object cannot end the watch again and again
 * @throws ApiError if a line does not end
 */
export async function* splitLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string | undefined> {
  let pieces: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      if (length > maxLineBytes) yield undefined;
      else {
        pieces.push(chunk.subarray(start, end));
        const line = Buffer.concat(pieces).toString('utf8');
        if (line.trim() !== '') yield line;
      }
      pieces = [];
      length = 0;
      start = end + 1;
    }
    length += chunk.length - start;
    if (length > longestSkipBytes)
      throw new ApiError('Unexpected', `unexpected response: a watch event exceeds ${longestSkipBytes} bytes`);
    if (length > maxLineBytes) pieces = [];
    else if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
}
