import { silence } from './promtool.ts';
import { testScenario } from './scenario.ts';
import { ofDefault, theDefault } from './scopes.ts';
import { type Agent, dnsPod, fourAgents, type World } from './world.ts';

const [first] = fourAgents as [Agent];

/** The operator is gone; agents notice. */
const withoutOperator: Partial<World> = {
  leader: (minute) => (minute < 2 ? 0 : undefined),
  syncAge: (_agent, minute) => (minute < 2 ? 7 : (minute - 2) * 60),
};

function operatorDown(agents: number) {
  return {
    labels: ofDefault,
    description: `Prometheus scrapes ${agents} agents of ${theDefault} and no operator that leads. Agents keep measuring with their last configuration; nothing is judged.`,
  };
}

const deadNode: World = {
  minutes: 15,
  isScraped: (agent, minute) => agent !== first || minute < 5,
  probe: (_from, to, minute) => ({ failed: to === first && minute >= 5 ? 1 : 0 }),
};
const cutOff = {
  labels: { ...ofDefault, node: first.node },
  description: `100% of the probes to or from the node ${first.node} of ${theDefault} fail.`,
};

testScenario('a node dies without an operator: the fallback fires', {
  world: { ...deadNode, ...withoutOperator },
  expected: {
    ...silence(0, 9),
    15: { NetExporterNodeCutOff: [cutOff], NetExporterOperatorDown: [operatorDown(3)] },
  },
  alsoForOne: true,
});

testScenario('a node dies while the operator judges: the fallback is silent', {
  world: deadNode,
  expected: silence(0, 15),
});

testScenario('an agent reaches no other node, and there is no operator', {
  world: {
    ...withoutOperator,
    minutes: 15,
    probe: (from, _to, minute) => ({ failed: from === first && minute >= 5 ? 1 : 0 }),
  },
  expected: { 15: { NetExporterNodeCutOff: [cutOff], NetExporterOperatorDown: [operatorDown(4)] } },
});

const deadServer: World = {
  minutes: 15,
  lookup: (_agent, server, _host, minute) => ({ failed: server === dnsPod && minute >= 5 ? 1 : 0 }),
};
const dnsFailing = {
  labels: ofDefault,
  description: `50% of the DNS lookups of ${theDefault} failed within 5 minutes, on many nodes. At this rate, a month of the objective of 99.9 % is used up in about two days.`,
};

testScenario('a DNS server fails without an operator: the fallback names it', {
  world: { ...deadServer, ...withoutOperator },
  expected: {
    ...silence(0, 7),
    15: {
      NetExporterDNSFailing: [dnsFailing],
      NetExporterDNSServerFailing: [
        {
          labels: { ...ofDefault, server: dnsPod },
          description: `100% of the lookups at the DNS server ${dnsPod} of ${theDefault} fail.`,
        },
      ],
      NetExporterOperatorDown: [operatorDown(4)],
    },
  },
});

testScenario('a DNS server fails while the operator judges: the fallback is silent', {
  world: deadServer,
  expected: { ...silence(0, 7), 15: { NetExporterDNSFailing: [dnsFailing] } },
});

testScenario('in one of two clusters there is no operator, and a node dies there: the other is silent', {
  world: { ...deadNode, ...withoutOperator, labels: { cluster: 'west' } },
  others: [{ minutes: 15, labels: { cluster: 'east' } }],
  expected: {
    15: {
      NetExporterNodeCutOff: [{ ...cutOff, labels: { ...cutOff.labels, cluster: 'west' } }],
      NetExporterOperatorDown: [{ ...operatorDown(3), labels: { ...ofDefault, cluster: 'west' } }],
    },
  },
});
