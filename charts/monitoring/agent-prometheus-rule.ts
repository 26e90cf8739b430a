import { ApiObject, JsonPatch } from 'cdk8s';
import type { Construct } from 'constructs';
import { agentLabels, agentNames } from '../../src/contract/agent-names.ts';
import { apiUses } from '../../src/contract/api-uses.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { prometheusRuleSpec } from './prometheus-rule.ts';

/** Gives Prometheus the recording rules and alerts of one NetExporter, by way of the Prometheus operator. */
export function addPrometheusRule(scope: Construct, resource: NetExporter): void {
  const { metadata, spec } = resource;
  const { group, version, kind } = apiUses.prometheusRules;
  const rule = new ApiObject(scope, 'prometheus-rule', {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: agentNames(metadata.name).agent },
    spec: prometheusRuleSpec(resource),
  });
  // A patch, because cdk8s refuses maps with a key such as `constructor`.
  const labels = { ...spec.monitoring.labels, ...agentLabels(metadata.name) };
  rule.addJsonPatch(JsonPatch.add('/metadata/labels', labels));
}
