import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { operatorName } from '../../../src/contract/operator-names.ts';
import { documentedConfiguration } from '../../cluster/prometheus.ts';

test('a Prometheus of the tests loads the rules that docs/prometheus.yml names, and scrapes agents and operator', async () => {
  const { rule_files, scrape_configs, global } = await documentedConfiguration('/kubeconfig', 2);
  assert.deepEqual(
    rule_files?.map((path) => [path.startsWith('/'), existsSync(path)]),
    [[true, true]],
  );
  assert.ok(rule_files?.[0]?.endsWith('/manifests/monitoring/rules.yaml'));
  assert.equal(global.scrape_interval, '2s');
  const operator = scrape_configs.find(({ job_name }) => job_name === operatorName);
  assert.equal(operator?.honor_labels, true);
  for (const { kubernetes_sd_configs } of scrape_configs)
    assert.deepEqual(
      kubernetes_sd_configs?.map(({ kubeconfig_file }) => kubeconfig_file),
      ['/kubeconfig'],
    );
});
