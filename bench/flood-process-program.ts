import type { Flood, FloodCounts } from './flood-process.ts';
import { floodConnections, floodEcho } from './flooding.ts';
import { runHostileAgent } from './hostile-agent.ts';

/** Runs the floods it receives until it is asked to stop. */
const counts: FloodCounts = { connections: {}, packets: 0, answers: {} };

function start(flood: Flood): void {
  switch (flood.kind) {
    case 'connections':
      counts.connections[flood.name] ??= 0;
      floodConnections(flood, () => {
        counts.connections[flood.name]!++;
      });
      return;
    case 'echo':
      floodEcho(flood, () => {
        counts.packets++;
      });
      return;
    case 'reports':
      counts.answers = runHostileAgent(flood.access, flood.token, flood);
  }
}

process.on('message', (message: Flood[] | 'stop') => {
  if (message === 'stop') process.send!(counts, () => process.exit());
  else for (const flood of message) start(flood);
});
process.on('disconnect', () => process.exit());
