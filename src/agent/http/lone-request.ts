/** Each octet can be matched in one way only, so that whatever is sent takes a time that is linear in its length. */
const requestPattern = /^GET ([\x21-\x7e]+) HTTP\/1\.1\r\n(?:[\w-]+:[\x20-\x7e]*\r\n)+\r\n$/;
const hostPattern = /\r\nhost: /i;
const closePattern = /\r\nconnection: close\r\n/i;
/** Headers of requests that are more than a question. */
const otherPattern = /\r\n(?:content-length|transfer-encoding|expect|upgrade):/i;

/**
 * Recognizes a request as the kubelet's probes send it: whole, alone on its connection, and without a body.
 * @param received all that was received on a new connection
 * @returns its path; undefined for all others, also if Node would take them for the same
 */
export function pathOfLoneRequest(received: Buffer): string | undefined {
  const text = received.toString('latin1');
  const path = requestPattern.exec(text)?.[1];
  if (path === undefined || !hostPattern.test(text) || !closePattern.test(text) || otherPattern.test(text))
    return undefined;
  return path;
}
