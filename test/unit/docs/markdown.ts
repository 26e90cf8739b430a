import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fenced block. */
export interface Fence {
  language: string;
  text: string;
}

/** A Markdown file, in the parts that tests look at. */
export interface MarkdownDocument {
  /** Below the root of the checkout. */
  path: string;
  text: string;
  fences: Fence[];
  /** The content of inline code, outside of fences. */
  codeSpans: string[];
  /** The targets of inline links, outside of fences. */
  links: string[];
  /** What a link can name behind a `#`: one per heading, as GitHub writes it. */
  anchors: Set<string>;
}

export const root = join(import.meta.dirname, '../../..');

const notOurs = new Set(['node_modules', 'dist', 'results']);

/** Every Markdown file of the checkout, sorted by path. */
export function markdownDocuments(): MarkdownDocument[] {
  return markdownPaths('').map((path) => parseMarkdown(path, readFileSync(join(root, path), 'utf8')));
}

function markdownPaths(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return notOurs.has(entry.name) || entry.name === '.git' ? [] : markdownPaths(path);
      return entry.name.endsWith('.md') ? [path] : [];
    })
    .sort();
}

/**
 * Reads the subset of Markdown that this repository uses: fences of backticks, headings with `#`, inline links and
 * code.
 */
export function parseMarkdown(path: string, text: string): MarkdownDocument {
  const fences: Fence[] = [];
  const prose = text.replace(
    /^( *)```(\w*)\n([\s\S]*?)^ *```$/gm,
    (_, indent: string, language: string, body: string) => {
      fences.push({ language, text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), '') });
      return '';
    },
  );
  const codeSpans: string[] = [];
  const withoutCode = prose.replaceAll(/`([^`]+)`/g, (_, code: string) => {
    codeSpans.push(code);
    return 'code';
  });
  const links = [...withoutCode.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target!);
  return { path, text, fences, codeSpans, links, anchors: anchorsOf(prose) };
}

/** GitHub: lower case, without punctuation, a hyphen for each space, and a number behind what was there before. */
function anchorsOf(prose: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of prose.matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const slug = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}
