import { readdirSync } from 'node:fs';

/** The names in a folder; none where there is no such folder, or none that this process may read. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
