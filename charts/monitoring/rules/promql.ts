import type { RuleScope } from './scope.ts';

/** Labels that tell NetExporters apart. Where Prometheus has no label `cluster`, results have none. */
const identity = ['cluster', 'namespace', 'netexporter'];

/**
 * Selects series of the NetExporters that rules are about. Series of other exporters with metrics of the same names
 * have no label `netexporter`.
 * @param matchers further ones, such as `kind="Node"`
 */
export function series({ netExporter }: RuleScope, metric: string, ...matchers: string[]): string {
  const own = netExporter
    ? [`namespace=${JSON.stringify(netExporter.namespace)}`, `netexporter=${JSON.stringify(netExporter.name)}`]
    : ['netexporter!=""'];
  return `${metric}{${[...own, ...matchers].join(',')}}`;
}

/** `by (…)` with the labels of a NetExporter and others. */
export function by(...labels: string[]): string {
  return `by (${[...identity, ...labels].join(', ')})`;
}

/** `on (…)` with the labels of a NetExporter and others. */
export function on(...labels: string[]): string {
  return `on (${[...identity, ...labels].join(', ')})`;
}

/** Indents an expression within another one. */
export function within(expression: string): string {
  return `  ${expression.replaceAll('\n', '\n  ')}`;
}

/** An expression in parentheses, on lines of their own. */
export function parens(expression: string): string {
  return `(\n${within(expression)}\n)`;
}
