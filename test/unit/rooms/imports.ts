import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** Files of ours by what they import of ours, types included; all by their paths in the checkout. */
export function importsOf(root: string): Map<string, string[]> {
  const files = globSync('{src,charts}/**/*.ts', { cwd: root }).sort();
  return new Map(files.map((file) => [file, imported(file, readFileSync(posix.join(root, file), 'utf8'))]));
}

function imported(file: string, text: string): string[] {
  const specifiers = text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...new Set([...specifiers].map(([, specifier]) => posix.join(posix.dirname(file), specifier!)))];
}
