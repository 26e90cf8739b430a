import { by, parens, within } from './promql.ts';

/** Share of the agents from which on a fault is one of the cluster. */
const manyAgents = 0.2;

/**
 * The share of agents that are affected, where it is more than a fifth, and not a single one.
 * @param parts expressions with a series for each agent
 * @param orOnly whether the only agent that there is is enough
 */
export function seenByMany({ affected, all }: { affected: string; all: string }, orOnly = false): string {
  const [some, every] = [affected, all].map((agents) => `count ${by()} (\n${within(agents)}\n)`);
  const share = `${some}\n/\n${every}\n> ${manyAgents}`;
  const several = orOnly ? `${some} > 1\nor\n${every} == 1` : `${some} > 1`;
  return parens(`${share}\nand\n${parens(several)}`);
}
