import { apiUses } from '../../src/contract/api-uses.ts';
import { defaultSpec, type NetExporter } from '../../src/crd/net-exporter.ts';
import { prometheusRuleSpec } from '../monitoring/prometheus-rule.ts';
import { absentOr, literal, type Rule, type Variable } from './rule.ts';

type RuleGroup = ReturnType<typeof prometheusRuleSpec>['groups'][number];
/** As the API server has it, with the fields of alerts and recording rules. */
interface PrometheusRule {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  keep_firing_for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

const labels = ['severity'];
const annotations = ['summary', 'description', 'runbook_url'];
/** Fields that are compared, in this order. `keep_firing_for` is not: older definitions drop it. */
const texts = ['alert', 'record', 'expr', 'for'] as const;

/** Between fields. No text contains it, so that no text can pass for several. */
const separator = '~~';

/** What stands for the namespace and the name of the NetExporter. */
const anyName = '@';

/** How expressions select the series of a NetExporter. */
const matchers = (namespace: string, name: string) => `namespace="${namespace}",netexporter="${name}"`;

/** A NetExporter whose rules differ from those of another number by its thresholds alone. */
function specimen(number: 1 | 2): NetExporter {
  const health = {
    ...defaultSpec().health,
    failureRatio: `0.${number}5`,
    latency: { dns: `${number}35ms`, network: `${number}7ms` },
  };
  const spec = { ...defaultSpec(), health };
  return { metadata: { namespace: anyName, name: anyName }, spec } as NetExporter;
}

/** A rule as one text, as the policy compares it. @param own the matchers of its NetExporter */
export function ruleText(rule: PrometheusRule, own: string): string {
  const parts = texts.map((field) => rule[field] ?? '');
  parts[texts.indexOf('expr')] = rule.expr.replaceAll(own, matchers(anyName, anyName));
  parts.push(...labels.map((label) => rule.labels?.[label] ?? ''));
  parts.push(...annotations.map((annotation) => rule.annotations?.[annotation] ?? ''));
  if (parts.some((part) => part.includes(separator))) throw new Error(`a rule contains ${separator}: ${parts}`);
  return parts.join(separator);
}

/** CEL: the same text, of `r`. */
function celRuleText(): string {
  const own =
    '"namespace=\\"" + variables.written.metadata.namespace + "\\",netexporter=\\"" + variables.instance + "\\""';
  const optional = [
    ...texts.map((field) => `r.?${field}`),
    ...labels.map((label) => `r.?labels.?${label}`),
    ...annotations.map((annotation) => `r.?annotations.?${annotation}`),
  ];
  // The items of a list have one type.
  const parts = optional.map((field) =>
    field === 'r.?expr'
      ? `string(r.expr).replace(${own}, ${literal(matchers(anyName, anyName))})`
      : `string(${field}.orValue(""))`,
  );
  return `[${parts.join(', ')}].join(${literal(separator)})`;
}

interface RulePattern {
  /** The name of the alert or series, which is compared first because that costs less. */
  start: string;
  /** A regular expression of RE2. */
  pattern: string;
}

const groups = prometheusRuleSpec(specimen(1)).groups;
const rules = rulesOf(groups);
const ruleTexts = rules.map((rule) => ruleText(rule, matchers(anyName, anyName)));
const otherTexts = rulesOf(prometheusRuleSpec(specimen(2)).groups).map((rule) =>
  ruleText(rule, matchers(anyName, anyName)),
);

/** Texts of the rules that have no thresholds. */
export const fixedTexts = ruleTexts.filter((text, index) => text === otherTexts[index]);

/** Of the rules that have. */
export const textPatterns: readonly RulePattern[] = ruleTexts.flatMap((text, index) =>
  text === otherTexts[index] ? [] : [patternOf(text, otherTexts[index]!)],
);

export const keptForTimes = [...new Set(rules.flatMap((rule) => rule.keep_firing_for ?? []))];

function rulesOf(all: readonly RuleGroup[]): PrometheusRule[] {
  return all.flatMap((group) => group.rules as PrometheusRule[]);
}

/** A pattern that two texts match which differ in numbers. */
function patternOf(one: string, other: string): RulePattern {
  const [words, others] = [one, other].map((text) => text.split(/([0-9]+(?:\.[0-9]+)?)/));
  if (words!.length !== others!.length) throw new Error(`these differ in more than numbers:\n${one}\n${other}`);
  const parts = words!.map((word, index) => {
    if (word === others![index]) return escaped(word);
    if (index % 2 === 0) throw new Error(`these differ in more than numbers:\n${one}\n${other}`);
    return '[0-9]{1,9}(?:[.][0-9]{1,12})?(?:e-[0-9]{1,2})?';
  });
  const names = one.split(separator).slice(0, 2);
  return { start: `${names.join(separator)}${separator}`, pattern: `^${parts.join('')}$` };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

export const prometheusRuleVariables: readonly Variable[] = [
  { name: 'ruleTexts', expression: literal(fixedTexts) },
  {
    name: 'rulePatterns',
    expression: `[${textPatterns
      .map(({ start, pattern }) => `{"start": ${literal(start)}, "pattern": ${literal(pattern)}}`)
      .join(', ')}]`,
  },
];

/** @param condition about `g`, each group that was not there before */
const everyGroup = (condition: string) =>
  '!variables.writesSpec || variables.written.spec.?groups.orValue([]).all(g, ' +
  'variables.kept != null && variables.kept.spec.?groups.orValue([]).exists(k, k == g) || ' +
  `${condition})`;

const everyRule = (condition: string) => everyGroup(`g.?rules.orValue([]).all(r, ${condition})`);

const keysIn = (field: string, keys: readonly string[]) =>
  absentOr(field, `${field}.all(key, key in ${literal(keys)})`);

const { kind } = apiUses.prometheusRules;
const groupNames = groups.map(({ name }) => name);
const maxRules = Math.max(...groups.map((group) => group.rules.length));

/**
 * Rules are what the charts declare for the NetExporter of the object, with thresholds of any value: no other query
 * that takes Prometheus' time, no series under other names, no alert with another text or about something else. Groups
 * of others may stay.
 */
export const prometheusRuleRules: Rule[] = [
  {
    expression:
      '!variables.writesSpec || variables.written.spec.all(field, field == "groups" || ' +
      'variables.kept != null && variables.kept.spec[?field] == variables.written.spec[?field])',
    message: `the operator sets nothing of a ${kind} but groups`,
  },
  {
    expression: everyGroup(`g.all(field, field in ["name", "rules"]) && g.name in ${literal(groupNames)}`),
    message: `the groups of ${kind}s are ${groupNames.join(', ')}, with nothing but rules`,
  },
  {
    expression: everyGroup(`g.?rules.orValue([]).size() <= ${maxRules}`),
    message: `groups of ${kind}s have at most ${maxRules} rules`,
  },
  {
    expression: everyRule(
      [
        `r.all(field, field in ${literal([...texts, 'keep_firing_for', 'labels', 'annotations'])})`,
        keysIn('r.labels', labels),
        keysIn('r.annotations', annotations),
        absentOr('r.keep_firing_for', `r.keep_firing_for in ${literal(keptForTimes)}`),
      ].join(' && '),
    ),
    message: `rules of ${kind}s have no labels but ${labels.join(', ')}, and no other fields than those of the operator`,
  },
  {
    expression: everyGroup(
      `g.?rules.orValue([]).map(r, ${celRuleText()}).all(t, t in variables.ruleTexts || ` +
        'variables.rulePatterns.exists(p, t.startsWith(p.start) && t.matches(p.pattern)))',
    ),
    message: `rules of ${kind}s are those that the operator declares for the ${apiUses.netExporters.kind}`,
  },
];
