/** The messages of version 1 of the UDP echo as agents sent and read them that knew no other, kept to test rollouts. */

const head = Buffer.from('NXEC\x01');
const padding = Buffer.alloc(1440);

interface Request {
  sequence: number;
  turn: bigint;
  prober: Uint8Array;
}

export function encodeRequest1({ sequence, turn, prober }: Request, size: number): Buffer {
  const message = Buffer.alloc(size);
  head.copy(message);
  message[5] = 1;
  message[6] = sequence;
  message.writeBigUInt64BE(turn, 16);
  message.set(prober, 24);
  return message;
}

export function readRequest1(message: Buffer): Request | undefined {
  if (!isEcho(message, 1) || message[6]! > 31 || message.compare(padding, 0, 8, 8, 16) !== 0) return undefined;
  return { sequence: message[6]!, turn: message.readBigUInt64BE(16), prober: message.subarray(24, 32) };
}

/** The answer of a responder of version 1; undefined where it gives none. */
export function answer1(request: Buffer, receipt: { counting: number; received: number }): Buffer | undefined {
  if (!readRequest1(request)) return undefined;
  const answer = Buffer.from(request);
  answer[5] = 2;
  answer.writeUInt32BE(receipt.counting, 8);
  answer.writeUInt32BE(receipt.received, 12);
  return answer;
}

export function readAnswer1(message: Buffer, request: Buffer): { counting: number; received: number } | undefined {
  if (message.length !== request.length || !isEcho(message, 2)) return undefined;
  if (message[6] !== request[6] || message.compare(request, 16, 32, 16, 32) !== 0) return undefined;
  return { counting: message.readUInt32BE(8), received: message.readUInt32BE(12) };
}

function isEcho(message: Buffer, kind: number): boolean {
  return (
    message.length >= 32 &&
    message.length <= 1472 &&
    message.compare(head, 0, 5, 0, 5) === 0 &&
    message[5] === kind &&
    message[7] === 0 &&
    message.compare(padding, 0, message.length - 32, 32) === 0
  );
}
