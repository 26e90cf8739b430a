import { type OperatorAccess, SimulatedAgent, type Traffic } from './simulated-agent.ts';
import type { AgentsAnswer, AgentsRequest } from './simulated-agents.ts';

/**
 * A program: so many agents as it is told to be, driven by messages of the process that started it. It ends when that
 * does.
 */
const agents = new Map<string, SimulatedAgent>();
/** Of agents that were removed. */
const removed: Traffic = { exchanges: 0, failures: 0, bodyBytes: 0, wireBytes: 0, assignments: 0 };

process.on('message', ({ id, request }: { id: number; request: AgentsRequest }) => {
  process.send!({ id, answer: answerTo(request) });
});
process.on('disconnect', () => process.exit());

function answerTo(request: AgentsRequest): AgentsAnswer {
  switch (request.kind) {
    case 'add':
      for (const { name, token } of request.agents) add(name, token, request.access);
      break;
    case 'remove':
      remove(request.name);
      break;
    case 'fail':
      for (const agent of agents.values()) agent.deadHost = request.host;
      break;
    case 'look':
      break;
  }
  return look(request.kind === 'look' ? request.generation : 0);
}

function add(name: string, token: string, access: OperatorAccess): void {
  const agent = new SimulatedAgent({ access, token, name, random: Math.random });
  agents.set(name, agent);
  agent.run().catch((error) => {
    process.stderr.write(`${name}: ${error.stack}\n`);
    process.exit(1);
  });
}

function remove(name: string): void {
  const agent = agents.get(name)!;
  agents.delete(name);
  agent.stop();
  addTraffic(removed, agent.traffic);
}

function look(generation: number): AgentsAnswer {
  const traffic = { ...removed };
  for (const agent of agents.values()) addTraffic(traffic, agent.traffic);
  const all = [...agents.values()];
  const holding = all.filter(({ settings }) => settings && settings.resource.generation >= generation);
  return {
    agents: agents.size,
    traffic,
    configuredAt: all.flatMap(({ configuredAt }) => configuredAt ?? []),
    holdingSince: holding.flatMap(({ changedAt }) => changedAt ?? []),
    failure: all.find(({ failure }) => failure !== undefined)?.failure,
  };
}

function addTraffic(sum: Traffic, more: Traffic): void {
  for (const name of Object.keys(sum) as (keyof Traffic)[]) sum[name] += more[name];
}
