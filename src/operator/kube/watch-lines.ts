import { ApiError } from './api-error.ts';

/** etcd's limit on an object is 1.5 MiB; a watch line is one object, in JSON and with a little around it. */
const maxLineBytes = 8 * 1024 * 1024;

/**
 * The lines of a stream of JSON documents, one a line, as a watch sends them. What stands after the last line feed is
 * part of a line that was cut off, and is dropped.
 * @throws ApiError when one line is longer than any object can be
 */
export async function* splitLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let pieces: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      pieces.push(chunk.subarray(start, end));
      const line = Buffer.concat(pieces).toString('utf8');
      pieces = [];
      length = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > maxLineBytes)
      throw new ApiError('Unexpected', `unexpected response: a watch event exceeds ${maxLineBytes} bytes`);
  }
}
