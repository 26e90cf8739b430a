import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { agentMetrics, operatorMetrics } from '../../../../src/contract/metrics/declared-metrics.ts';
import { newCounter, newGauge } from '../../../../src/metrics/declared.ts';

const root = join(import.meta.dirname, '../../../..');
const declarations = [...agentMetrics(), ...operatorMetrics()];
const declared = new Set(declarations.map(({ name }) => name));
/** The one file that may construct metrics. */
const factory = 'src/metrics/declared.ts';

/** Tables of nftables and figures of the bench, which are named like metrics. */
const otherNames = [
  'net_exporter_bench',
  'net_exporter_cut_off',
  'net_exporter_e2e',
  'net_exporter_policies',
  'dns_udp_excess_seconds',
];

const read = (pattern: string): [string, string][] =>
  globSync(pattern, { cwd: root, exclude: (path) => path.includes('node_modules') })
    .filter((path) => !path.startsWith('test/unit/contract/metrics/'))
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]);

/** How a file gets at the constructors of prom-client; empty when it does not. */
function constructorsIn(text: string): string[] {
  const imports = [...text.matchAll(/\bimport\s([^;]*?)\sfrom\s+['"]prom-client(?:\/[^'"]*)?['"]/g)];
  const named = imports.flatMap(([, clause]) => {
    if (/^type\b/.test(clause!.trim())) return [];
    const names = /^\{([^}]*)\}$/.exec(clause!.trim())?.[1];
    // A namespace or default import has them all.
    if (names === undefined) return [clause!];
    return names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && name !== 'Registry' && !name.startsWith('type '));
  });
  const others = [...text.matchAll(/(?:\bimport\s*\(\s*|\brequire\s*\(\s*|\bexport\s[^;]*?from\s+)['"]prom-client/g)];
  return [...named, ...others.map(([found]) => found)];
}

const families = 'net_exporter|controller_runtime|workqueue|rest_client|leader_election|process|nodejs';
const probes = '(?:dns|network|ntp)_[a-z0-9_]+_(?:total|seconds|bytes|ratio|info|count|sum|bucket)|ntp_stratum';

/** What looks like the name of a metric. */
function namesIn(text: string): string[] {
  const found = text.matchAll(new RegExp(`(?<![\\w.-])(?:(?:${families})_[a-z0-9_]*[a-z0-9]|${probes})(?!\\w)`, 'g'));
  return [...found].map(([name]) => name);
}

function isDeclared(name: string): boolean {
  if (declared.has(name)) return true;
  const histogram = declarations.find((metric) => metric.name === name.replace(/_(bucket|count|sum)$/, ''));
  return histogram?.type === 'histogram';
}

/** The code without its comments. */
function codeOf(text: string): string {
  const lines = text.split('\n').filter((line) => !/^\s*(\/\/|\/\*|\*)/.test(line));
  return lines.map((line) => line.replace(/\s\/\/.*$/, '')).join('\n');
}

test('a metric that is not declared does not compile', () => {
  const undeclared = { name: 'net_exporter_new_total', type: 'counter', help: 'New.', labels: {} } as const;
  // Only tsc can see it fail: without an error there, it says that this directive is unused.
  // @ts-expect-error
  newCounter(undeclared, [new Registry()]);
  // @ts-expect-error A declaration of another type.
  newGauge(declarations[0]!, [new Registry()]);
});

test('only the factory constructs metrics of prom-client', () => {
  const files = read('{src,charts}/**/*.ts');
  assert.ok(files.length > 100 && constructorsIn(files.find(([path]) => path === factory)![1]).length === 3);
  const found = files
    .filter(([path]) => path !== factory)
    .flatMap(([path, text]) => constructorsIn(text).map((name) => `${path}: ${name}`));
  assert.deepEqual(found, []);
});

test('no name of a metric is written outside its declaration', () => {
  const found = read('{src,charts}/**/*.ts')
    .filter(([path]) => !path.startsWith('src/contract/metrics/'))
    .flatMap(([path, text]) => namesIn(codeOf(text)).map((name) => `${path}: ${name}`));
  assert.deepEqual(found, []);
});

test('every name of a metric in code, comments, documentation, tests and benches is declared', () => {
  const files = read(
    '{README.md,CONTRIBUTING.md,docs/*.{md,yml},manifests/**/*.yaml,{src,charts,test,bench,soak}/**/*.ts}',
  );
  const names = files.flatMap(([path, text]) => namesIn(text).map((name) => [path, name] as const));
  assert.ok(names.length > 300, `${names.length} names`);
  const unknown = names.filter(([, name]) => !isDeclared(name) && !otherNames.includes(name));
  assert.deepEqual(
    unknown.map(([path, name]) => `${path}: ${name}`),
    [],
  );
  for (const name of otherNames)
    assert.ok(
      names.some(([, used]) => used === name),
      `${name} is not used any more`,
    );
});

test('the scans find what they are for', () => {
  for (const text of [
    "import { Counter, type Registry } from 'prom-client';",
    "import {\n  Registry,\n  Gauge as Other,\n} from 'prom-client';",
    "import client from 'prom-client';",
    "import * as client from 'prom-client';",
    "import { Counter } from 'prom-client/lib/counter.js';",
    "const { Counter } = await import('prom-client');",
    "export { Counter } from 'prom-client';",
  ])
    assert.notDeepEqual(constructorsIn(text), [], text);
  for (const text of [
    "import type { Counter } from 'prom-client';",
    "import { Registry, type Gauge } from 'prom-client';",
  ])
    assert.deepEqual(constructorsIn(text), [], text);
  assert.deepEqual(namesIn('rate(net_exporter_new_total[5m]) / `dns_made_up_seconds_bucket`'), [
    'net_exporter_new_total',
    'dns_made_up_seconds_bucket',
  ]);
  assert.equal(isDeclared('dns_latency_seconds_bucket'), true);
  assert.equal(isDeclared('dns_error_total_count'), false);
  assert.equal(
    codeOf("/** a_total\n * b_total\n */\n  // c_total\nconst x = '/** d_total'; // e"),
    "const x = '/** d_total';",
  );
});
