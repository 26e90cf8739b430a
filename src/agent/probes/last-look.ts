import { tickMs } from '../../base/tick-clock.ts';

/** How long before its deadline a polled probe looks for the last time but one, in milliseconds. */
export function lastLookMs(timeoutMs: number): number {
  return Math.min(2 * tickMs, timeoutMs / 4);
}
