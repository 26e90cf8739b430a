import { silence } from './promtool.ts';
import { small, testScenario } from './scenario.ts';
import { ofDefault, theDefault } from './scopes.ts';
import { fourAgents, type World } from './world.ts';

const world: World = { ...small, agents: fourAgents.slice(0, 3), minutes: 16, timeServers: ['ntp.example.com:123'] };

function wrongClock(node: string, offset: string) {
  return {
    labels: { ...ofDefault, node },
    description: `The clock of the node ${node} of ${theDefault} has been ${offset} off its time servers for 5 minutes.`,
  };
}

testScenario('every sample of five minutes says that the clock is wrong, not one of them', {
  world: {
    ...world,
    offset: ({ node }, _server, minute) => {
      if (node === 'node-1') return minute >= 5 ? 1 : 0.001;
      if (node === 'node-2') return Number.isInteger(minute) && minute % 4 === 0 ? 4294967296 : 0.001;
      return minute % 3 === 0 ? undefined : -0.5;
    },
  },
  expected: {
    ...silence(0, 4),
    9: { NetExporterClockOffset: [wrongClock('node-3', '500ms')] },
    12: { NetExporterClockOffset: [wrongClock('node-1', '1s'), wrongClock('node-3', '500ms')] },
  },
});

testScenario('one of three time servers is wrong: no alert, unless a second one agrees with it', {
  world: {
    ...world,
    timeServers: ['one', 'two', 'three'],
    offset: ({ node }, server) => {
      if (server === 'one') return 1;
      if (server === 'two' && node === 'node-1') return 1.25;
      return server === 'three' && node === 'node-2' ? -1 : 0.001;
    },
  },
  expected: { ...silence(0, 4), 16: { NetExporterClockOffset: [wrongClock('node-1', '1.25s')] } },
});
