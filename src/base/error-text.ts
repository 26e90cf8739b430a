import { inspect } from 'node:util';

/** What was thrown, as text on which a log line or a comparison can rely: it never throws, whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? String(error) : inspect(error);
}
