import { floodConnections, floodEcho } from '../bench/flooding.ts';
import { runHostileAgent } from '../bench/hostile-agent.ts';
import type { PodFlood, PodFloodCounts } from './hostile-pod.ts';

/** Runs the floods it receives from the network namespace of its process, until it is asked to stop. */
const counts: PodFloodCounts = { connections: {}, packets: 0, answers: {} };

/** It shares the machine's processor with whom it disturbs. */
const reportPauseMs = 20;

function start(flood: PodFlood): void {
  switch (flood.kind) {
    case 'connections':
      floodConnections(flood, () => {
        counts.connections[flood.name] = (counts.connections[flood.name] ?? 0) + 1;
      });
      return;
    case 'echo':
      floodEcho(flood, () => {
        counts.packets++;
      });
      return;
    case 'reports':
      counts.answers = runHostileAgent(flood.access, flood.token, { pauseMs: reportPauseMs });
  }
}

process.on('message', (message: PodFlood[] | 'stop') => {
  if (message === 'stop') process.send!(counts, () => process.exit());
  else for (const flood of message) start(flood);
});
process.on('disconnect', () => process.exit());
