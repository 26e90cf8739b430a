import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { apiPath, defaultLimit, listRoutes, maxLimit, reportPath } from '../../../src/contract/api/routes.ts';
import { listNames } from '../../../src/contract/api/rows.ts';
import { apiRate } from '../../../src/listeners/listener-limits.ts';
import { maxDnsCells } from '../../../src/operator/http/api/dns-cells.ts';
import { maxZonePairs } from '../../../src/operator/http/api/zone-pairs.ts';
import { root } from './markdown.ts';

const page = readFileSync(join(root, 'docs/api.md'), 'utf8');

test('docs/api.md names every list with its filters', () => {
  const rows = page.split('\n').flatMap((line) => {
    const [, path, , filters] = /^\| `(\/\w+)` \|(.*)\|([^|]*)\|$/.exec(line) ?? [];
    return path === undefined ? [] : [[path, [...filters!.matchAll(/`(\w+)`/g)].map(([, name]) => name)]];
  });
  assert.deepEqual(
    rows,
    listNames.map((name) => [`/${name}`, [...listRoutes[name].filters]]),
  );
  assert.ok(page.includes(`proxy${reportPath}`) && page.includes(`All are below \`${apiPath}\``));
});

test('the limits in docs/api.md are those of the code', () => {
  const { perSecond, burst } = apiRate;
  assert.ok(page.includes(`One address may send ${perSecond} requests a second, bursts of ${burst};`));
  assert.ok(page.includes(`\`limit\` is the number of rows (${defaultLimit}, at most ${maxLimit}).`));
  for (const [name, most] of Object.entries({ zones: maxZonePairs, dns: maxDnsCells })) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`/${name}\``));
    assert.ok(row?.includes(`at most ${most.toLocaleString('en')} of a NetExporter`), name);
  }
});
