import assert from 'node:assert/strict';
import type { MetricDeclaration } from '../../../src/contract/metrics/metric.ts';
import type { ExposedFamily } from './exposed-families.ts';

/**
 * Asserts that what a program exposes is what is declared: names, types, help, labels, every value of closed labels,
 * and edges.
 */
export function assertDeclared(exposed: Map<string, ExposedFamily>, declarations: readonly MetricDeclaration[]): void {
  assert.deepEqual([...exposed.keys()].sort(), declarations.map(({ name }) => name).sort());
  for (const declaration of declarations) {
    const { name, type, help, labels } = declaration;
    const family = exposed.get(name)!;
    assert.deepEqual({ type: family.type, help: family.help }, { type, help }, name);
    assert.deepEqual([...family.labels.keys()].sort(), Object.keys(labels).sort(), `labels of ${name}`);
    for (const [label, { values }] of Object.entries(labels))
      if (values)
        assert.deepEqual([...family.labels.get(label)!].sort(), Object.keys(values).sort(), `${label} of ${name}`);
    assert.deepEqual([...family.edges], type === 'histogram' ? declaration.edges : [], `edges of ${name}`);
  }
}
