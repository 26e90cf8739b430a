const headerBytes = 12;
const responseBit = 0x80;
const rcodeBits = 0x0f;
const servfailCode = 2;

/** The answer SERVFAIL to a DNS query (RFC 1035 §4.1.1): the same message with the response bit and the code. */
export function servfail(query: Uint8Array): Buffer {
  const answer = Buffer.from(query);
  if (answer.length < headerBytes) return answer;
  answer[2]! |= responseBit;
  answer[3] = (answer[3]! & ~rcodeBits) | servfailCode;
  return answer;
}
