import { Yaml } from 'cdk8s';
import { defaultSpec } from '../../src/crd/net-exporter.ts';
import { ruleGroups } from './rules/rule-groups.ts';
import { everyNetExporter } from './rules/scope.ts';

/** The rules about every NetExporter as a file that Prometheus loads. */
export function ruleFile(): string {
  return `${head()}${Yaml.stringify({ groups: ruleGroups(everyNetExporter()) })}`;
}

function head(): string {
  const { failureRatio, latency } = defaultSpec().health;
  return [
    '# Recording rules and alerts for a Prometheus that no Prometheus Operator manages, about every NetExporter that it',
    '# scrapes. Where the PrometheusRules of the NetExporters are loaded, do not load this file, too: every alert would',
    '# fire twice. The thresholds are the defaults of spec.health, whatever the NetExporters say:',
    `# failureRatio ${failureRatio}, latency.dns ${latency.dns}, latency.network ${latency.network}.`,
    '',
  ].join('\n');
}
