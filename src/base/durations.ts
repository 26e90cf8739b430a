/** Units of a duration in a `NetExporter`, in milliseconds. A subset of those of Go's `time.ParseDuration`. */
const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Pattern of durations in the contract: whole numbers with units, at most four (`1m30s`, `500ms`). Narrower than Go's
 * `time.ParseDuration` (no fraction, no sign, no ns or µs), and short enough that CEL's `duration()` cannot overflow on
 * a match.
 */
export const durationPattern = '^([0-9]{1,6}(ms|s|m)|[0-9]{1,3}h){1,4}$';
const wholeDuration = new RegExp(durationPattern);

/**
 * Parses a duration such as `10s`, `1m30s` or `500ms`.
 * @returns milliseconds
 * @throws RangeError if `text` is not a duration
 */
export function parseDuration(text: string): number {
  if (!wholeDuration.test(text))
    throw new RangeError(`"${text}" is not a valid duration; use for example 10s, 1m30s or 500ms`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+)(ms|s|m|h)/g)) total += Number(amount) * (unitMs[unit!] ?? 0);
  return total;
}
