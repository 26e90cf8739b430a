import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetExporter } from '../../../../../src/crd/net-exporter.ts';
import type { ApiSource } from '../../../../../src/operator/http/api/api-source.ts';
import { cell, wrapped } from '../../../../../src/operator/http/api/text-lines.ts';
import { JudgedOperator } from '../../judge/judged-operator.ts';
import { netExporter } from '../../net-exporter-builder.ts';
import { emptySource, serveApi, sourceOf, withStatus } from './api-rig.ts';

async function reportOf(source: ApiSource, query = ''): Promise<string> {
  const { get } = await serveApi(source);
  const { status, body } = await get(`/api/v1/report.txt${query}`);
  assert.equal(status, 200, body);
  for (const line of body.split('\n')) {
    assert.ok([...line].length <= 100, line);
    assert.doesNotMatch(line, /[^\P{C}]/u, 'a terminal would act on it');
  }
  return body;
}

test('a fault: the sentence, what to do, the matrix of zones and the figures', async () => {
  const operator = await (await new JudgedOperator().run(150)).run(
    90,
    (from, { node }) => from === 'n3' || node === 'n3',
  );
  const report = await reportOf(sourceOf(operator));
  const [suspect] = withStatus(operator).status!.suspects!;
  const words = report.replaceAll(/\s+/g, ' ');
  assert.ok(words.includes(`* ${suspect!.evidence} `), report);
  assert.match(report, /^Reported by operator-1, version 1\.2\.3, which leads since 2026-01-01T00:00:00Z\.$/m);
  assert.match(
    report,
    /^NetExporter monitoring\/default\n {2}Ready True, DNSHealthy True, NetworkHealthy False; 12\/12 agents ready, 12 c/m,
  );
  assert.match(report, /^ {2}\* Node: Check the network interface/m);
  assert.match(report, /^ {4}https:\/\/\S+\/docs\/judgement\.md#node$/m);
  assert.match(report, /^ +z0 +z1 +z2$/m);
  assert.match(report, /^ {2}z0 +FAIL \d+\/\d+ +FAIL \d+\/\d+ +FAIL \d+\/\d+$/m);
  assert.match(report, /^ {2}z1 +FAIL \d+\/\d+ +ok +ok$/m);
  assert.match(
    words,
    /at 10\.96\.0\.10:53: failing, \d+ bad and 0 slow of \d+ lookups, mostly timeout; 1 of 12 agents have bad/,
  );
  assert.match(report, /^ {2}\* Judged 2026-\S+; window 120 s, filled\.$/m);
});

test('no fault, a server that fails, agents that lack something, and nothing at all', async () => {
  const operator = new JudgedOperator();
  operator.silent.add('n4');
  const report = await reportOf(sourceOf(await operator.run(60, (_from, { server }) => server === '10.1.0.1:53')));
  assert.match(report, /^ {2}Agents that lack something:\n {2}\* n4 \(no request yet\)$/m);
  assert.match(report, /at 10\.1\.0\.1:53: failing, \d+ bad and 0 slow of \d+ lookups,\n {4}mostly timeout; 11 of 11/);
  assert.match(report, /^ {2}\* 2 of 3 pairs of a server and a name are well\.$/m);
  assert.match(report, /window 120 s, 60 s of it filled/);
  assert.match(await reportOf(emptySource), /^There is no such NetExporter\.$/m);
});

test('more NetExporters than fit are counted, and can be asked for', async () => {
  const resources = Array.from({ length: 23 }, (_, number) => netExporter(undefined, `x${number + 10}`));
  const source = { ...emptySource, resources: () => resources };
  const report = await reportOf(source);
  assert.equal(report.match(/^NetExporter /gm)?.length, 20);
  assert.match(report, /^And 3 more NetExporters/m);
  const one = await reportOf(source, '?namespace=monitoring&netexporter=x32');
  assert.deepEqual(one.match(/^NetExporter \S+/gm), ['NetExporter monitoring/x32']);
});

test('what users write cannot act on a terminal, nor can its length break a line', async () => {
  const message = `\u001b[31mred\u0007 \u202egnp.exe ${'x'.repeat(300)} <script>\r\nok`;
  const times = { lastTransitionTime: '2026-01-01T00:00:00Z' };
  const conditions = [{ type: 'Stalled', status: 'True', reason: 'ApplyRejected', message, ...times }];
  const hostile = { ...netExporter(), status: { conditions } } as NetExporter;
  const report = await reportOf({ ...emptySource, resources: () => [hostile] });
  assert.match(report, /\\u\{1b\}\[31mred\\u\{7\} \\u\{202e\}gnp\.exe/);
});

test('many zones are counted instead of shown, and pairs of them that fail are named', async () => {
  const operator = new JudgedOperator();
  for (const [name, facts] of operator.nodes) operator.nodes.set(name, { ...facts, zone: `zone-of-${name}` });
  operator.fleet.replan('monitoring/default');
  const report = await reportOf(sourceOf(await operator.run(60, (from, { node }) => from === 'n3' && node === 'n5')));
  assert.match(report, /^ {2}\* 12 zones; 1 pairs of them fail or are slow\. See \/api\/v1\/zones\.$/m);
  assert.match(report, /^ {2}\* zone-of-n3 > zone-of-n5: FAIL 1\/1$/m);
});

test('lines are at most 100 characters wide, words longer than that are cut, and cells have their width', () => {
  const lines = wrapped(`${'a'.repeat(250)} ${'word '.repeat(40)}`.trim(), '  * ');
  assert.deepEqual(
    lines.map((line) => line.slice(0, 4)),
    ['  * ', ...Array(lines.length - 1).fill('    ')],
  );
  assert.ok(lines.every((line) => line.length <= 100) && lines[0]!.length === 100);
  assert.equal(
    lines
      .map((line) => line.slice(4))
      .join('')
      .match(/a/g)?.length,
    250,
  );
  assert.deepEqual([cell('abc', 5), cell('abcdef', 5), cell('\u0000', 8)], ['abc  ', 'abcd…', '\\u{0}   ']);
});
