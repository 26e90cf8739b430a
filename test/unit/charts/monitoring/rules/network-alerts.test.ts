import { silence } from './promtool.ts';
import { small, testScenario } from './scenario.ts';
import { ofDefault, theDefault } from './scopes.ts';
import { type Agent, fourAgents } from './world.ts';

const [first, second, third, fourth] = fourAgents as [Agent, Agent, Agent, Agent];

testScenario('half of the agents reach nobody: one page, and none about DNS', {
  world: {
    minutes: 20,
    probe: ({ zone }, _to, minute) => ({ failed: zone === 'a' && minute >= 3 ? 1 : 0 }),
    lookup: ({ zone }, _server, _host, minute) => ({ failed: zone === 'a' && minute >= 3 ? 1 : 0 }),
  },
  expected: {
    ...silence(0, 4),
    ...Object.fromEntries(
      [10, 15, 20].map((minute) => [
        minute,
        {
          NetExporterNetworkFailing: [
            {
              labels: ofDefault,
              description: `On 50% of the agents of ${theDefault}, more than half of the links fail.`,
            },
          ],
        },
      ]),
    ),
  },
  alsoForOne: true,
});

testScenario('one node is dead: the suspect, no page, and later its agent is missing', {
  world: {
    minutes: 22,
    isScraped: (agent, minute) => agent !== first || minute < 3,
    probe: (_from, to, minute) => ({
      failed: to === first && minute >= 3 ? 1 : 0,
      retransmitted: to === first ? 4 : 0,
    }),
    suspects: (minute) => (minute >= 4 ? [{ kind: 'Node', name: first.node, reason: 'Unreachable' }] : []),
    states: (minute) => (minute >= 4 ? { ready: 3, configured: 3, reporting: 3 } : {}),
    conditions: (minute) => (minute >= 4 ? { ConfigPropagated: 'False', NetworkHealthy: 'False' } : {}),
  },
  expected: {
    ...silence(0, 4),
    ...Object.fromEntries([6, 12, 18].map((minute) => [minute, { NetExporterSuspectNode: [suspectNode()] }])),
    22: {
      NetExporterSuspectNode: [suspectNode()],
      NetExporterAgentsMissing: [
        {
          labels: ofDefault,
          description: `1 of the agents of ${theDefault} are not ready, or Prometheus cannot scrape them.`,
        },
      ],
    },
  },
});

function suspectNode() {
  return {
    labels: { ...ofDefault, kind: 'Node', name: first.node },
    description: `${theDefault.replace('the', 'The')} has the suspect Node ${first.node}. Check the network interface, firewall rules and CNI agent of the node, and drain it if that does not help. Its status has the evidence.`,
  };
}

testScenario('one of three nodes is dead, with its part of a Service, in silence: the operator judges', {
  world: {
    minutes: 12,
    agents: [first, third, fourth],
    isScraped: (agent, minute) => agent !== first || minute < 3,
    probe: (_from, to, minute) => ({ failed: to === first && minute >= 3 ? 1 : 0 }),
    service: (_agent, minute) => ({ failed: minute >= 3 ? 0.33 : 0 }),
    states: (minute) => (minute >= 4 ? { ready: 2, configured: 2, reporting: 2 } : {}),
  },
  expected: silence(0, 12),
});

testScenario('one of two nodes is dead: not all of the network', {
  world: {
    ...small,
    minutes: 15,
    isScraped: (agent, minute) => agent !== first || minute < 3,
    probe: (_from, to, minute) => ({ failed: to === first && minute >= 3 ? 1 : 0 }),
  },
  expected: silence(0, 15),
});

testScenario('a single link is the way between two zones: it is enough', {
  world: { ...small, agents: [first, third], minutes: 16, probe: (from) => ({ failed: from === first ? 0.2 : 0 }) },
  expected: {
    16: {
      NetExporterPacketLoss: [
        {
          labels: { ...ofDefault, zone: 'a', peer_zone: 'b' },
          description: `20% of the probes from zone a to zone b of ${theDefault} fail, on links on which others succeed.`,
        },
      ],
    },
  },
});

testScenario('packets are lost, sent again and late between zones', {
  world: {
    minutes: 20,
    probe: (from, to) => ({
      failed: from === first && to === third ? 0.4 : 0,
      retransmitted: from === fourth && to === second ? 0.4 : 0,
      slow: from.zone === 'b' && to.zone === 'b' ? 0.2 : 0,
    }),
  },
  expected: {
    ...silence(0, 9),
    20: {
      NetExporterPacketLoss: [
        {
          labels: { ...ofDefault, zone: 'a', peer_zone: 'b' },
          description: `10% of the probes from zone a to zone b of ${theDefault} fail, on links on which others succeed.`,
        },
      ],
      NetExporterRetransmits: [
        {
          labels: { ...ofDefault, zone: 'b', peer_zone: 'a' },
          description: `There are 10% as many retransmitted SYN packets as TCP handshakes from zone b to zone a of ${theDefault}.`,
        },
      ],
      NetExporterZonePairSlow: [
        {
          labels: { ...ofDefault, zone: 'b', peer_zone: 'b' },
          description: `One in ten probes from zone b to zone b of ${theDefault} takes longer than 575ms.`,
        },
      ],
    },
  },
});

testScenario('nodes have no zones: the pair of no zone with itself', {
  world: {
    minutes: 16,
    agents: fourAgents.map((agent) => ({ ...agent, zone: '' })),
    probe: (from, to) => ({ failed: from.node === first.node && to.node === third.node ? 0.75 : 0 }),
  },
  expected: {
    16: {
      NetExporterPacketLoss: [
        {
          labels: ofDefault,
          description: `6.25% of the probes from zone (none) to zone (none) of ${theDefault} fail, on links on which others succeed.`,
        },
      ],
    },
  },
});
