import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { type MarkdownDocument, markdownDocuments, root } from './markdown.ts';
import { netExporterSchema } from './net-exporter-schema.ts';

// The changelog is left out: it names what there was at the time.
const documents = markdownDocuments().filter(({ path }) => path !== 'CHANGELOG.md');
const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
  .join('\n');

/** What documents say for which `isKnown` does not hold, each with the document that says it. */
function unknownNames(
  namesIn: (document: MarkdownDocument) => string[],
  isKnown: (name: string) => boolean,
  least: number,
): string[] {
  const found = documents.flatMap((document) => namesIn(document).map((name) => ({ name, path: document.path })));
  assert.ok(found.length >= least, `only ${found.length} names were found`);
  return [...new Set(found.filter(({ name }) => !isKnown(name)).map(({ name, path }) => `${path}: ${name}`))];
}

test('every documented npm script exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const scriptsIn = ({ text }: MarkdownDocument) =>
    [...text.matchAll(/\bnpm (?:run (?:--?[\w-]+ )*([a-z][\w:-]*)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short!,
    );
  assert.deepEqual(
    unknownNames(scriptsIn, (name) => name in scripts, 15),
    [],
  );
});

const families = 'dns|network|ntp|net_exporter|process|rest_client|controller_runtime|workqueue|leader_election';

test('every documented metric exists', () => {
  const metrics = new Set(
    [...sources.matchAll(new RegExp(`'((?:${families})_[a-z_]+)'`, 'g'))].map(([, name]) => name!),
  );
  // Behind a colon is a part of the name of a recorded series, which the test of the runbooks checks.
  const pattern = new RegExp(`(?<![\\w./:])(?:${families})_(?:[a-z_]+\\*?|\\*)(?![\\w/])`, 'g');
  const metricsIn = ({ codeSpans, fences }: MarkdownDocument) =>
    [...codeSpans, ...fences.map(({ text }) => text)].flatMap((code) => code.match(pattern) ?? []);
  const isMetric = (name: string) =>
    name.endsWith('*')
      ? [...metrics].some((metric) => metric.startsWith(name.slice(0, -1)))
      : metrics.has(name) || metrics.has(name.replace(/_(bucket|sum|count)$/, ''));
  assert.deepEqual(unknownNames(metricsIn, isMetric, 40), []);
});

/** Fields of other kinds that documents name. */
const fieldsOfOthers = ['status.storedVersions'];

test('every documented field of a NetExporter exists', () => {
  const fieldsIn = ({ codeSpans }: MarkdownDocument) =>
    codeSpans.flatMap((code) => code.match(/^(?:spec|status)(?:\.[a-zA-Z]+)+/g) ?? []);
  const isField = (path: string) =>
    fieldsOfOthers.includes(path) ||
    path.split('.').reduce<SchemaNode | undefined>((node, name) => node?.properties?.[name], netExporterSchema) !==
      undefined;
  assert.deepEqual(unknownNames(fieldsIn, isField, 40), []);
});

test('every documented path of the repository exists', () => {
  const pathsIn = ({ codeSpans }: MarkdownDocument) =>
    codeSpans.filter((code) => /^(?:src|test|charts|manifests|build|bench|soak|docs)\/[\w./-]*$/.test(code));
  assert.deepEqual(
    unknownNames(pathsIn, (path) => existsSync(join(root, path)), 30),
    [],
  );
});

test('docs/architecture.md names every directory of src/operator and src/agent', () => {
  const { codeSpans } = documents.find(({ path }) => path === 'docs/architecture.md')!;
  const directories = ['src/operator', 'src/agent'].flatMap((parent) =>
    readdirSync(join(root, parent), { withFileTypes: true }).filter((entry) => entry.isDirectory()),
  );
  assert.deepEqual(
    directories.map(({ name }) => name).filter((name) => !codeSpans.includes(`${name}/`)),
    [],
  );
});
