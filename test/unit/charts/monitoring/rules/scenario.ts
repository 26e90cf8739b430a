import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Firing, unexpected } from './promtool.ts';
import { scopes } from './scopes.ts';
import { type Agent, clusterName, fourAgents, resolver, seriesOf, type World } from './world.ts';

/** What happens, and exactly which alerts then fire, by minute. */
export interface Scenario {
  world: World;
  /** Of other NetExporters, beside the first. */
  others?: World[];
  /** Metrics of which Prometheus has no series. */
  hidden?: string[];
  expected: Record<number, Firing>;
  /** Where it is tested with the rules of one NetExporter, too. */
  alsoForOne?: boolean;
}

/** Two agents with the fewest probes, for faults of agents and operators. */
export const small: Pick<World, 'agents' | 'hosts' | 'servers'> = {
  agents: fourAgents.slice(0, 2) as [Agent, Agent],
  hosts: [clusterName],
  servers: [resolver],
};

/** Tests a scenario with promtool. */
export function testScenario(
  name: string,
  { world, others = [], hidden = [], expected, alsoForOne = false }: Scenario,
): void {
  // The operator's own series are the same for all NetExporters.
  const series = [world, ...others].flatMap(seriesOf).filter((one) => !hidden.includes(one.name));
  const unique = new Map(series.map((one) => [JSON.stringify([one.name, one.labels]), one]));
  for (const [scope, rules] of Object.entries(scopes))
    if (scope === 'every' || alsoForOne)
      test(`${name} (${scope})`, (t) => {
        assert.equal(unexpected(t, rules, [...unique.values()], expected), '');
      });
}
