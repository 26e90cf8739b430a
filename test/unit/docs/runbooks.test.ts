import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import { parseAllDocuments } from 'yaml';
import { installation } from '../../../charts/install/install.ts';
import { alertNames, runbookPage, runbookUrl, suspectAlerts } from '../../../src/contract/alerts.ts';
import { agentMetrics, operatorMetrics } from '../../../src/contract/metrics/declared-metrics.ts';
import { recordedMetrics } from '../../../src/contract/metrics/recorded-metrics.ts';
import { projectUrl } from '../../../src/contract/project-links.ts';
import { suspectKinds } from '../../../src/contract/suspects.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { markdownDocuments, parseMarkdown } from './markdown.ts';
import { netExporterSchema } from './net-exporter-schema.ts';

const documents = markdownDocuments();
const page = documents.find(({ path }) => path === `docs/${runbookPage}`)!;
const parts = ['Meaning', 'Impact', 'Diagnosis', 'Mitigation'];

/** The text of each part of each section. */
const sections = new Map(
  page.text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...rest] = section.split('\n');
      const pieces = rest.join('\n').split(/^### /m).slice(1);
      return [heading, pieces.map((piece) => [piece.split('\n', 1)[0]!, piece.slice(piece.indexOf('\n'))] as const)];
    }),
);

function fencesOf(alert: string, language: string): string[] {
  const diagnosis = sections.get(alert)!.find(([part]) => part === 'Diagnosis')![1];
  const fences = parseMarkdown(alert, diagnosis).fences.filter((fence) => fence.language === language);
  return fences.flatMap(({ text }) => text.split('\n').filter((line) => line !== ''));
}

test('every alert has its runbook, and every runbook its alert', () => {
  assert.deepEqual([...sections.keys()].sort(), [...alertNames].sort());
});

test('the link of every alert leads to its runbook', () => {
  for (const alert of alertNames) {
    const [, path, anchor] = new RegExp(`^${projectUrl}/blob/main/(.*)#(.*)$`).exec(runbookUrl(alert))!;
    assert.equal(path, page.path);
    assert.ok(page.anchors.has(anchor!), alert);
  }
});

test('every kind of suspect has its runbook', () => {
  for (const kind of suspectKinds) {
    const [, meaning] = sections.get(suspectAlerts[kind])![0]!;
    assert.ok(meaning.length > 50, kind);
  }
  assert.equal([...sections.keys()].filter((alert) => alert.includes('Suspect')).length, suspectKinds.length);
});

test('every runbook says what the alert means, what its impact is, how to diagnose it and what to do', () => {
  for (const [alert, pieces] of sections) {
    assert.deepEqual(
      pieces.map(([part]) => part),
      parts,
      alert,
    );
    for (const [part, text] of pieces) assert.ok(text.trim().length > 30, `${alert}: ${part}`);
  }
});

test('no two runbooks mean the same', () => {
  const meanings = [...sections].map(([, pieces]) => pieces[0]![1].trim());
  assert.equal(new Set(meanings).size, meanings.length);
});

const verbs = ['get', 'describe', 'logs', 'events', 'top', 'rollout'];
const kinds = ['nx', 'pods', 'node', 'nodes', 'configmap', 'networkpolicies', 'endpointslices', 'lease', 'daemonset'];

test('every runbook has at least three commands, which exist', () => {
  for (const alert of alertNames) {
    const commands = fencesOf(alert, 'sh');
    assert.ok(commands.length >= 3, `${alert}: ${commands.length} commands`);
    assert.equal(new Set(commands).size, commands.length, `${alert} has a command twice`);
    for (const command of commands) {
      const [, verb, kind] = /^kubectl (\w+) (-?[\w-]+)/.exec(command) ?? assert.fail(`${alert}: ${command}`);
      assert.ok(verbs.includes(verb!), command);
      if (verb === 'get') assert.ok(kinds.includes(kind!), command);
    }
  }
});

test('every field of a NetExporter that a command prints exists', () => {
  const paths = [...page.text.matchAll(/^kubectl get nx .*-o jsonpath='(.*)'$/gm)].flatMap(([, template]) => {
    const ranges = [...template!.matchAll(/\{range ([^}]*)\}(.*?)\{end\}/g)];
    const inside = ranges.flatMap(([, list, body]) => [
      list!,
      ...[...body!.matchAll(/\{(\.[^}]*)\}/g)].map(([, path]) => `${list}${path}`),
    ]);
    const outside = [...template!.replaceAll(/\{range.*?\{end\}/g, '').matchAll(/\{(\.[^}]*)\}/g)].map(
      ([, path]) => path!,
    );
    return [...inside, ...outside];
  });
  assert.ok(paths.length > 30);
  for (const path of paths) {
    const names = path
      .replaceAll(/\[[^\]]*\]/g, '[]')
      .split('.')
      .slice(1);
    if (names[0] === 'metadata') continue;
    let node: SchemaNode | undefined = netExporterSchema;
    for (const name of names) {
      node = node?.properties?.[name.replace('[]', '')];
      if (name.endsWith('[]')) node = node?.items as SchemaNode | undefined;
      assert.ok(node, path);
    }
  }
});

test('every object of the installation that a command names exists', () => {
  const objects = parseAllDocuments(JSON.stringify(installation('0.0.0'))).flatMap((document) => document.toJS()) as {
    kind: string;
    metadata: { name: string };
  }[];
  const names = objects.map(({ kind, metadata }) => `${kind.toLowerCase()} ${metadata.name}`);
  for (const [, kind, name] of page.text.matchAll(
    /^kubectl (?:get|describe) (deployment) -n net-exporter-system (\S+)/gm,
  ))
    assert.ok(names.includes(`${kind} ${name}`), `no ${name}`);
  for (const [, service] of page.text.matchAll(/service-name=(net-exporter-\S+)$/gm))
    assert.ok(names.includes(`service ${service}`), `no ${service}`);
});

test('every query in a runbook parses, and its metrics exist', () => {
  const declared = [...agentMetrics(), ...operatorMetrics()].map(({ name }) => name);
  const recorded: readonly string[] = Object.values(recordedMetrics);
  let count = 0;
  for (const alert of alertNames)
    for (const line of fencesOf(alert, 'promql')) {
      const query = line.replace(/\s+# .*$/, '');
      parser.parse(query).iterate({
        enter({ type, from, to, node }) {
          assert.ok(!type.isError, `${alert}: ${query}`);
          // The first part of a selector is its name.
          if (type.name !== 'VectorSelector') return;
          const name = node.getChild('Identifier');
          const metric = query.slice(name?.from ?? from, name?.to ?? to);
          const isKnown = [metric, metric.replace(/_(bucket|count|sum)$/, '')].some((one) => declared.includes(one));
          assert.ok(isKnown || recorded.includes(metric) || metric === 'up', `${alert}: ${metric}`);
          count++;
        },
      });
    }
  assert.ok(count > 30);
});

test('docs/monitoring.md lists every alert with its severity', () => {
  const { text } = documents.find(({ path }) => path === 'docs/monitoring.md')!;
  for (const alert of alertNames) assert.ok(text.includes(`](runbooks.md#${alert.toLowerCase()})`), alert);
});
