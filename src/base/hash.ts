/**
 * Hashes `text`, with the same result on every machine: FNV-1a over UTF-16 code units, then `scramble`, because the
 * high bits of FNV-1a hardly change if only the end of the text differs (`10.0.0.1`, `10.0.0.2`). Not for secrets.
 * @param seed selects another hash function
 * @returns an integer from 0 to 2³² − 1
 */
export function hash32(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return scramble(hash);
}

/**
 * Hashes an ordered pair of hashes, or a hash and a small number. Takes a few nanoseconds; plans call it thousands of
 * times.
 */
export function hashPair(first: number, second: number): number {
  return scramble(first ^ scramble(Math.imul(second, 0x9e3779b1) + 0x7f4a7c15));
}

/** Maps texts uniformly to [0, 1). */
export function hashFraction(text: string): number {
  return hash32(text) / 0x1_0000_0000;
}

/** MurmurHash3's 32-bit finaliser: each input bit changes about half of the output bits. */
function scramble(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
