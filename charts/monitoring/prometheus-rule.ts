import type { NetExporter } from '../../src/crd/net-exporter.ts';
import type { RuleGroup } from './rules/rule.ts';
import { ruleGroups } from './rules/rule-groups.ts';
import { scopeOf } from './rules/scope.ts';

/** The spec of the PrometheusRule of a NetExporter: rules about it alone, with its thresholds. */
export function prometheusRuleSpec(netExporter: NetExporter): { groups: RuleGroup[] } {
  return { groups: ruleGroups(scopeOf(netExporter)) };
}
