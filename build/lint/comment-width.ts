import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folders whose comments are checked, and the languages in which comments start with `//` or `/*`. */
const sources = '{src,charts,test,bench,soak,build}/**/*.{ts,cjs,go,grit}';

/** Maximum width of a comment line: that of code in biome.json, whose formatter does not wrap comments. */
export const maxColumns = 120;

/** A comment line that is too wide. */
export interface WideComment {
  /** Number of the line, from 1. */
  line: number;
  columns: number;
}

/**
 * Finds comment lines beyond `maxColumns`: lines of comments, and code with a comment at its end. A single word that
 * does not fit, such as a URL, is allowed.
 */
export function wideComments(text: string): WideComment[] {
  const found: WideComment[] = [];
  let inBlock = false;
  for (const [index, line] of text.split('\n').entries()) {
    const isComment = inBlock || /^\s*\/[/*]/.test(line);
    const columns = [...line].length;
    if (columns > maxColumns && (isComment ? isWrappable(line) : endsWithComment(line)))
      found.push({ line: index + 1, columns });
    if (inBlock || /^\s*\/\*/.test(line)) inBlock = !line.includes('*/');
  }
  return found;
}

function isWrappable(line: string): boolean {
  return /\S\s+\S/.test(line.replace(/^\s*(\/\/|\/?\*+)?\s*/, '').replace(/\s*\*\/\s*$/, ''));
}

/** Whether `//` or `/*` follows code, outside of strings and regular expressions. */
function endsWithComment(line: string): boolean {
  const code = line.replaceAll(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`/g, "''");
  return /\s\/[/*]\s/.test(code);
}

function check(root: string): number {
  let count = 0;
  for (const path of globSync(sources, { cwd: root, exclude: ['**/node_modules/**'] }).sort())
    for (const { line, columns } of wideComments(readFileSync(join(root, path), 'utf8'))) {
      console.error(`${path}:${line}: comment has ${columns} columns, at most ${maxColumns} are allowed; wrap it`);
      count++;
    }
  if (count === 0) console.log(`comments: at most ${maxColumns} columns`);
  return count === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = check(join(import.meta.dirname, '../..'));
