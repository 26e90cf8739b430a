import { type ApiRequest, isWrite } from './api-request.ts';

/** One request that came to the proxy. */
export interface RecordedRequest extends ApiRequest {
  /** Which operator process sent it. */
  who: string;
  method: string;
  path: string;
  userAgent: string;
  /** When it arrived, in milliseconds since the epoch. */
  startedAt: number;
  /** When the answer had been given, or the connection was lost; undefined while it is under way. */
  endedAt: number | undefined;
  /** The status that the client was given; undefined where it got none. */
  status: number | undefined;
  /** Whether the client was given the answer to its end. */
  answered: boolean;
  /** What was done to it. */
  fault: string | undefined;
  /** Of a write to a Lease that the API server carried out: what the Lease said afterwards. */
  lease: LeaseSpec | undefined;
}

export interface LeaseSpec {
  holderIdentity?: string | null;
  leaseTransitions?: number;
}

/** Every request, in the order of arrival. */
export class RequestRecord {
  #requests: RecordedRequest[] = [];

  add(request: RecordedRequest): void {
    this.#requests.push(request);
  }

  /** Those that arrived at this time or later, in milliseconds since the epoch. */
  since(from: number): RecordedRequest[] {
    return this.#requests.filter(({ startedAt }) => startedAt >= from);
  }

  /** Drops what ended before this time: a long run sends millions. */
  forgetBefore(time: number): void {
    this.#requests = this.#requests.filter(({ endedAt }) => endedAt === undefined || endedAt >= time);
  }
}

/** Writes, but to the Lease, which its holder renews all the time. */
export function writesIn<T extends ApiRequest>(requests: readonly T[]): T[] {
  return requests.filter((request) => isWrite(request) && request.resource !== 'leases');
}

/** The most requests that arrived within any stretch of so many milliseconds. */
export function mostWithin(milliseconds: number, requests: readonly { startedAt: number }[]): number {
  const times = requests.map(({ startedAt }) => startedAt).sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, time] of times.entries()) {
    while (time - times[first]! >= milliseconds) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
