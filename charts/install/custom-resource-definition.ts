import { ApiObject, type ApiObjectProps, App, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { customResourceDefinition } from '../../src/crd/custom-resource-definition.ts';
import { addAgentPriorityClass } from './priority-class.ts';

/**
 * The definition of NetExporter and the PriorityClass that its default names, for those who install definitions apart
 * from workloads.
 */
export function definition(): object[] {
  const chart = new Chart(new App(), 'crd', { disableResourceNameHashes: true });
  addCustomResourceDefinition(chart);
  addAgentPriorityClass(chart);
  return chart.toJson();
}

export function addCustomResourceDefinition(scope: Construct): void {
  new ApiObject(scope, 'definition', customResourceDefinition() as ApiObjectProps);
}
