import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { markdownDocuments } from './markdown.ts';
import { problemsOf } from './net-exporter-schema.ts';

/** Every NetExporter in YAML, also in a here-document of a shell command. */
function examples(): { path: string; example: object }[] {
  return markdownDocuments().flatMap(({ path, fences }) =>
    fences
      .flatMap(({ language, text }) =>
        language === 'yaml' ? [text] : [...text.matchAll(/<<'?(\w+)'?\n([\s\S]*?)^\1$/gm)].map(([, , body]) => body!),
      )
      .flatMap((text) => parseAllDocuments(text))
      .filter((document) => (document.toJS() as { kind?: string } | null)?.kind === 'NetExporter')
      .map((document) => ({ path, example: document.toJS() as object })),
  );
}

test('every example of a NetExporter in the documentation is valid', () => {
  const found = examples();
  assert.ok(found.some(({ path }) => path === 'README.md') && found.some(({ path }) => path === 'docs/reference.md'));
  for (const { path, example } of found) assert.deepEqual(problemsOf(example), [], path);
});

test('a wrong value and an unknown field are found', () => {
  const base = { apiVersion: 'net-exporter.dev/v1alpha1', kind: 'NetExporter', metadata: { name: 'a' } };
  assert.deepEqual(problemsOf({ ...base, spec: {} }), []);
  assert.deepEqual(problemsOf({ ...base, spec: { network: { peersPerAgent: 'ten' } } }), ['does not match the schema']);
  assert.deepEqual(problemsOf({ ...base, spec: { dns: { host: ['example.com'] } } }), ['.spec.dns.host']);
});
