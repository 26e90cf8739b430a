import type { IncomingMessage } from 'node:http';
import { SyncRefusal } from './identity/sync-refusal.ts';

/**
 * The whole of a request's body as text.
 * @throws SyncRefusal TooLarge as soon as it is, or says that it will be
 * @throws where the connection ends before the body does
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  refuseAnnounced(request, maxBytes);
  const pieces: Buffer[] = [];
  await eachPiece(request, maxBytes, (piece) => pieces.push(piece));
  return (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)).toString('utf8');
}

/**
 * Reads and discards a body: a client that gets the response before it has sent everything may not see it.
 * @throws as readBody does
 */
export async function skipBody(request: IncomingMessage, maxBytes: number): Promise<void> {
  refuseAnnounced(request, maxBytes);
  await eachPiece(request, maxBytes, () => {});
}

function refuseAnnounced(request: IncomingMessage, maxBytes: number): void {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

function eachPiece(request: IncomingMessage, maxBytes: number, take: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (request.readableEnded) return resolve();
    if (request.destroyed) return reject(brokenOff());
    let length = 0;
    const onData = (piece: Buffer) => {
      length += piece.length;
      if (length > maxBytes) settle(() => reject(tooLarge(maxBytes)));
      else take(piece);
    };
    const onEnd = () => settle(resolve);
    const onClose = () => settle(() => reject(brokenOff()));
    // The request lives as long as it is held: it must not keep what is needed only here.
    const settle = (end: () => void) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      end();
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}

function brokenOff(): Error {
  return new Error('the connection closed before the request was complete');
}

function tooLarge(maxBytes: number): SyncRefusal {
  return new SyncRefusal('TooLarge', `the request body exceeds ${maxBytes} bytes`);
}
