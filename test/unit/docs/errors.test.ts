import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountedFileErrorCodes } from '../../../src/agent/sources/mounted-file.ts';
import { agentMetrics, operatorMetrics } from '../../../src/contract/metrics/declared-metrics.ts';
import type { MetricDeclaration } from '../../../src/contract/metrics/metric.ts';
import { conditionReasons, eventReasons } from '../../../src/contract/reasons.ts';
import { apiErrorCodes } from '../../../src/operator/kube/api-error.ts';
import { refusalStatuses } from '../../../src/operator/sync/identity/sync-refusal.ts';
import { protocolErrorCodes } from '../../../src/protocol/document.ts';
import { root } from './markdown.ts';

const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(join(root, 'src', path), 'utf8') }));

/** The sections with a table, by heading: what is before the table, and the rows. */
const sections = new Map(
  page
    .split(/^##+ /m)
    .slice(1)
    .filter((section) => section.includes('\n| '))
    .map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      const table = lines.findIndex((line) => line.startsWith('|'));
      const rows = lines.slice(table + 2).filter((line) => line.startsWith('| '));
      const before = lines.slice(0, table).join('\n');
      return [heading, { before, rows: rows.map((row) => row.split('|').slice(1, -1)) }] as const;
    }),
);

/** The codes of the classes of errors that have one. A class that is new must be added here, or to `codeless`. */
const sectionOfClass: Record<string, string> = {
  ApiError: 'Requests to the API server',
  OptionError: 'Start',
  ClusterAccessError: 'Start',
  SyncRefusal: 'Rejected sync requests',
  MountedFileError: 'Files and environment',
  EnvironmentError: 'Files and environment',
  DnsNameError: 'Files and environment',
  ProtocolError: 'Documents',
  SyncError: 'Sync requests of agents',
};
/** Errors without codes of our own: names of errnos, errors of scripts, and errors that are never logged. */
const codeless = ['KernelCallError', 'UsageError', 'HelpRequest', 'FieldError', 'ApiRequestError'];

const labels = ['reason', 'result', 'code'];
const metrics: MetricDeclaration[] = [...agentMetrics(), ...operatorMetrics()];

function codesOf(heading: string): string[] {
  const { rows } = sections.get(heading) ?? assert.fail(`no section ${heading}`);
  return rows.map(([code = '']) => /^ `(\w+)` $/.exec(code)?.[1] ?? assert.fail(`not a code: ${code}`));
}

function declared(name: string): string[] {
  const metric = metrics.find((other) => other.name === name) ?? assert.fail(`${name} is not declared`);
  return labels.flatMap((label) => Object.keys(metric.labels[label]?.values ?? {}));
}

const expected: Record<string, readonly string[]> = {
  Conditions: conditionReasons,
  Events: eventReasons,
  'Requests to the API server': apiErrorCodes,
  Start: ['InvalidOption', 'ClusterAccess'],
  'Rejected sync requests': Object.keys(refusalStatuses),
  'Files and environment': [...mountedFileErrorCodes, 'InvalidEnvironment', 'InvalidDnsName'],
  Documents: protocolErrorCodes,
};

for (const [heading, codes] of Object.entries(expected))
  test(`docs/errors.md lists exactly the codes of the code under "${heading}"`, () => {
    assert.deepEqual(codesOf(heading).sort(), [...codes].sort());
  });

test('docs/errors.md lists exactly the values of every label that says why something failed', () => {
  const listed = [...sections].filter(([heading]) => !(heading in expected));
  for (const [heading, { before }] of listed) {
    const names = [...before.matchAll(/`(\w+_total|net_exporter_suspect)`/g)].map(([, name]) => name!);
    assert.ok(names.length > 0, heading);
    assert.deepEqual(codesOf(heading).sort(), [...new Set(names.flatMap(declared))].sort(), heading);
  }
  const named = listed.map(([, { before }]) => before).join();
  for (const { name } of metrics)
    if (declared(name).length > 0) assert.ok(named.includes(`\`${name}\``), `docs/errors.md does not list ${name}`);
});

test('every code has a meaning and a remedy', () => {
  for (const [heading, { rows }] of sections)
    for (const row of rows)
      for (const cell of row.slice(1)) assert.ok(cell.trim() !== '', `${heading}: ${row[0]} has an empty cell`);
});

test('every reason of a condition or an Event is used', () => {
  const others = sources.filter(({ path }) => path !== 'contract/reasons.ts').map(({ text }) => text);
  for (const reason of [...conditionReasons, ...eventReasons])
    assert.ok(
      others.some((text) => text.includes(`'${reason}'`)),
      `nothing uses ${reason}`,
    );
});

test('every class of errors is on the page, or has no code of its own', () => {
  const classes = sources.flatMap(({ text }) =>
    [...text.matchAll(/class (\w+) extends \w*Error\b/g)].map(([, name]) => name!),
  );
  assert.deepEqual(classes.sort(), [...Object.keys(sectionOfClass), ...codeless].sort());
  for (const heading of Object.values(sectionOfClass)) assert.ok(sections.has(heading), heading);
  const single = sources.flatMap(({ text }) => [...text.matchAll(/readonly code = '(\w+)'/g)].map(([, code]) => code!));
  for (const code of single) assert.ok(page.includes(`| \`${code}\` |`), code);
});
