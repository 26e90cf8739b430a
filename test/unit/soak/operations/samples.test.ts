import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentSample, exposedBy } from '../../../../soak/operations/samples.ts';
import { Metrics } from '../../../e2e/metrics.ts';

test('what an agent says of itself is read from its metrics', () => {
  const metrics = new Metrics(`net_exporter_settings_generation 7
net_exporter_assignment_revision 70
net_exporter_sync_age_seconds 2.5
net_exporter_sync_requests_total{result="ok"} 12
net_exporter_sync_requests_total{result="timeout"} 3
`);
  assert.deepEqual(agentSample(metrics, 5), { at: 5, generation: 7, revision: 70, syncAge: 2500, answers: 12 });
});

const labels = { namespace: 'ns', netexporter: 'soak' };
const condition = (status: string, value: number, type = 'Ready', name = 'soak') =>
  `net_exporter_resource_condition{namespace="ns",netexporter="${name}",type="${type}",status="${status}"} ${value}`;

test('what an operator exposes of one NetExporter is read from its metrics', () => {
  const metrics = new Metrics(`net_exporter_agents{namespace="ns",netexporter="soak",state="ready"} 2
net_exporter_agents{namespace="ns",netexporter="other",state="ready"} 9
net_exporter_generation{namespace="ns",netexporter="soak"} 4
net_exporter_observed_generation{namespace="ns",netexporter="soak"} 3
${condition('True', 0)}
${condition('False', 1)}
${condition('True', 1, 'Stalled', 'other')}
`);
  assert.deepEqual(exposedBy('operator-1', metrics, labels), {
    pod: 'operator-1',
    agents: { ready: 2 },
    conditions: { Ready: 'False' },
    generation: 4,
    observedGeneration: 3,
  });
});

test('a condition of which several statuses are so has none of them', () => {
  const metrics = new Metrics(`${condition('True', 1)}\n${condition('False', 1)}\n`);
  assert.deepEqual(exposedBy('operator-1', metrics, labels).conditions, { Ready: 'several' });
});

test('an operator that does not lead exposes nothing', () => {
  assert.deepEqual(exposedBy('operator-2', new Metrics('process_cpu_seconds_total 1\n'), labels), {
    ...{ pod: 'operator-2', agents: {}, conditions: {}, generation: undefined, observedGeneration: undefined },
  });
});
