import type { Violation } from './policy-violations.ts';

// biome-ignore lint/suspicious/noExplicitAny: objects as JSON, changed field by field
type Json = any;

const inGroup =
  (change: (group: Json) => void) =>
  ({ spec }: Json) =>
    change(spec.groups.at(-1));

const inRule = (change: (rule: Json) => void) => inGroup(({ rules }) => change(rules[0]));

/** In the rule of an alert, which may have a threshold. */
const inAlert =
  (name: string, change: (rule: Json) => void) =>
  ({ spec }: Json) =>
    change(spec.groups.flatMap(({ rules }: Json) => rules).find(({ alert }: Json) => alert === name));

const edit = (pattern: RegExp, replacement: string) =>
  inRule((rule) => {
    rule.expr = rule.expr.replaceAll(pattern, replacement);
  });

const set = (fields: object) => inRule((rule) => Object.assign(rule, fields));
const annotate = (fields: object) => inRule(({ annotations }) => Object.assign(annotations, fields));
const label = (fields: object) => inRule(({ labels }) => Object.assign(labels, fields));

const declared = /rules of PrometheusRules are those that the operator declares/;
const groups = /the groups of PrometheusRules are/;
const fields = /have no labels but severity, and no other fields/;

/** Rules by which somebody with the operator's token could run queries or send alerts of their own. */
export const ruleViolations: Violation[] = (
  [
    [
      'query everything',
      inGroup(({ rules }) => rules.push({ record: 'x', expr: 'count({__name__=~".+"})' })),
      declared,
    ],
    ['query something else', set({ expr: 'vector(1)' }), declared],
    ['query a number', set({ expr: 1 }), /./],
    ['query something more', edit(/$/g, ' or vector(1)'), declared],
    ['query all NetExporters', edit(/namespace="[^"]+",netexporter="[^"]+"/g, 'netexporter!=""'), declared],
    ['query another NetExporter', edit(/netexporter="[^"]+"/g, 'netexporter="x"'), declared],
    ['query another namespace', edit(/namespace="[^"]+"/g, 'namespace="x"'), declared],
    [
      'have a query as the threshold',
      inAlert('NetExporterPacketLoss', (rule) => {
        rule.expr = rule.expr.replace(/>= [\d.]+/, '>= scalar(count({__name__=~".+"}))');
      }),
      declared,
    ],
    [
      'have another text beside a threshold',
      inAlert('NetExporterPacketLoss', ({ annotations }) => Object.assign(annotations, { summary: 'Call 0900.' })),
      declared,
    ],
    ['store another series', inGroup(({ rules }) => (rules[0] = { record: 'up', expr: rules[0].expr })), declared],
    ['have an alert of another name', set({ alert: 'Watchdog' }), declared],
    ['have an alert at once', set({ for: '0s' }), declared],
    ['have another text', annotate({ summary: 'Call 0900.' }), declared],
    ['link elsewhere', annotate({ runbook_url: 'http://192.0.2.1' }), declared],
    ['wake somebody up', label({ severity: 'page' }), declared],
    [
      'have an alert for ever',
      inAlert('NetExporterStalled', (rule) => Object.assign(rule, { keep_firing_for: '1y' })),
      fields,
    ],
    ['speak about another namespace', label({ namespace: 'other' }), fields],
    ['have another annotation', annotate({ dashboard_url: 'http://192.0.2.1' }), fields],
    ['have more rules', inGroup((group) => (group.rules = Array(100).fill(group.rules[0]))), /have at most \d+ rules/],
    ['have another group', ({ spec }) => spec.groups.push({ name: 'x', rules: [] }), groups],
    ['have rules evaluated all the time', inGroup((group) => Object.assign(group, { interval: '1ms' })), groups],
    ['label a whole group', inGroup((group) => Object.assign(group, { labels: { namespace: 'other' } })), groups],
    ['have another field', ({ spec }) => Object.assign(spec, { more: 1 }), /nothing of a PrometheusRule but groups/],
  ] satisfies [string, (object: Json) => void, RegExp][]
).map(([attempt, change, message]) => ({ attempt, kind: 'PrometheusRule', change, message }));
