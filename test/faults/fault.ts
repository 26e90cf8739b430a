import type { ApiRequest, Verb } from './api-request.ts';

/** What can be done to a request and its answer. */
export type Fault =
  /** The proxy answers itself. */
  | { kind: 'status'; status: 410 | 429 | 500 | 503; retryAfterSeconds?: number }
  /** The request is held up before it reaches the API server. */
  | { kind: 'delay'; ms: number }
  /** Nothing comes back, and the connection stays: half-open. The API server never sees the request. */
  | { kind: 'silent' }
  /** The API server does it, and the connection breaks before the answer. */
  | { kind: 'lost-answer' }
  /** The connection breaks within the answer, after so many bytes at most. */
  | { kind: 'cut'; afterBytes: number }
  /** The answer comes in small pieces. */
  | { kind: 'trickle'; bytes: number; everyMs: number }
  /** One byte of the answer's body is not JSON's. */
  | { kind: 'corrupt' }
  /** A watch begins with the event that its version is gone. */
  | { kind: 'expired' };

/** What can be done to a watch that runs. */
export type Interruption = 'cut' | 'corrupt' | 'expired' | 'silent';

/** Which requests. What is left out matches all. */
export interface Matching {
  verbs?: readonly Verb[];
  resource?: string;
  who?: string;
}

/** A fault that befalls a share of the requests. */
export interface FaultRule {
  matching: Matching;
  fault: Fault;
  /** 0 to 1. */
  share: number;
}

export function matches(request: ApiRequest & { who: string }, { verbs, resource, who }: Matching): boolean {
  return (
    (verbs === undefined || verbs.includes(request.verb)) &&
    (resource === undefined || request.resource === resource) &&
    (who === undefined || request.who === who)
  );
}

const words: Readonly<Record<number, [reason: string, message: string]>> = {
  410: ['Expired', 'too old resource version'],
  429: ['TooManyRequests', 'too many requests, please try again later'],
  500: ['InternalError', 'an error of the tests’ own'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
};

/** The body with which the API server reports a failure (`metav1.Status`). */
export function statusObject(code: number): object {
  const [reason, message] = words[code] ?? ['Unknown', 'unknown'];
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, message, code };
}

/** The line of a watch that ends it since its version has been compacted. */
export const expiredLine = `${JSON.stringify({ type: 'ERROR', object: statusObject(410) })}\n`;

/** The bytes with a control character in their middle: JSON has none outside of its white space (RFC 8259 §7). */
export function corrupted(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  // Never the line feed at a line's end, which would make two lines one.
  if (copy.length > 0) copy[Math.floor((copy.length - 1) / 2)] = 0x01;
  return copy;
}
