import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { type MarkdownDocument, markdownDocuments, parseMarkdown, root } from './markdown.ts';

const documents = markdownDocuments();

/** Relative links of a document that lead nowhere, with the reason. */
function brokenLinks(document: MarkdownDocument, all: readonly MarkdownDocument[]): string[] {
  return document.links
    .filter((target) => !/^[a-z]+:/.test(target))
    .flatMap((target) => {
      const [file = '', anchor] = target.split('#', 2);
      const path = file === '' ? document.path : normalize(join(dirname(document.path), file));
      if (path.startsWith('..') || file.startsWith('/')) return [`${target}: outside of the repository`];
      if (!all.some((other) => other.path === path) && !existsSync(join(root, path)))
        return [`${target}: no such file`];
      if (anchor === undefined) return [];
      const anchors = all.find((other) => other.path === path)?.anchors;
      return anchors?.has(anchor) ? [] : [`${target}: no such heading`];
    });
}

for (const document of documents)
  test(`every relative link and anchor in ${document.path} resolves`, () => {
    assert.deepEqual(brokenLinks(document, documents), []);
  });

test('a missing file, a missing heading and a path outside of the repository are found', () => {
  const target = parseMarkdown('docs/b.md', '# One `two`, three\n## Same\n## Same\n```sh\n# no heading\n```\n');
  const links = ['b.md', 'b.md#one-two-three', 'b.md#same-1', '#here', '../package.json', 'https://example.com/#x'];
  const broken = ['c.md', 'b.md#same-2', 'b.md#no-heading', '#there', '../package.json#x', '../../etc', '/docs/b.md'];
  const text = ['# Here', ...[...links, ...broken].map((link) => `[\`text\`](${link})`), '`[code](none.md)`'].join(
    '\n',
  );
  const document = parseMarkdown('docs/a.md', text);
  assert.deepEqual(
    brokenLinks(document, [document, target]).map((problem) => problem.replace(/: .*/, '')),
    broken,
  );
});

test('the README stays short: details are in docs/', () => {
  const readme = documents.find(({ path }) => path === 'README.md')!;
  const bytes = Buffer.byteLength(readme.text);
  assert.ok(bytes <= 12_000, `${bytes} bytes, more than 12000`);
});

test('every page of docs/ is linked from the README and from the index', () => {
  const pages = documents.map(({ path }) => path).filter((path) => path.startsWith('docs/'));
  assert.ok(pages.length > 10);
  for (const from of ['README.md', 'docs/README.md']) {
    const { links } = documents.find(({ path }) => path === from)!;
    const linked = links.map((target) => normalize(join(dirname(from), target.split('#', 1)[0]!)));
    assert.deepEqual(
      pages.filter((page) => page !== from && !linked.includes(page)),
      [],
      `not linked from ${from}`,
    );
  }
});
