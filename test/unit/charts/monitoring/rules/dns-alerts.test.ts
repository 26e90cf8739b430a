import { silence } from './promtool.ts';
import { testScenario } from './scenario.ts';
import { ofDefault, theDefault } from './scopes.ts';
import { dnsPod, externalName, fourAgents } from './world.ts';

testScenario('a fifth of the lookups fails everywhere: a page', {
  world: { minutes: 15, lookup: (_agent, _server, _host, minute) => ({ failed: minute >= 5 ? 0.2 : 0 }) },
  expected: {
    ...silence(0, 9),
    15: {
      NetExporterDNSFailing: [
        {
          labels: ofDefault,
          description: `20% of the DNS lookups of ${theDefault} failed within 5 minutes, on many nodes. At this rate, a month of the objective of 99.9 % is used up in about two days.`,
        },
      ],
    },
  },
});

testScenario('a name outside of the cluster cannot be resolved: no page', {
  world: { minutes: 40, lookup: (_agent, _server, host) => ({ failed: host === externalName ? 1 : 0 }) },
  expected: {
    ...silence(0, 15),
    40: {
      NetExporterDNSErrorBudget: [
        {
          labels: ofDefault,
          description: `50% of the DNS lookups of ${theDefault} failed within 30 minutes, on many nodes. At this rate, a month of the objective of 99.9 % is used up in about five days.`,
        },
      ],
    },
  },
});

testScenario('a few lookups fail right after the start of Prometheus, or all of one agent: no alert', {
  world: {
    minutes: 20,
    lookup: ({ node }, _server, _host, minute) => ({
      failed: node === fourAgents[0]!.node ? 1 : minute === 2 ? 0.5 : 0,
    }),
  },
  expected: silence(0, 20),
});

testScenario('one lookup in twenty is slow at one server', {
  world: { minutes: 16, lookup: (_agent, server) => ({ slow: server === dnsPod ? 0.05 : 0 }) },
  expected: {
    ...silence(0, 10),
    16: {
      NetExporterDNSSlow: [
        {
          labels: { ...ofDefault, server: dnsPod },
          description: `One in a hundred DNS lookups of ${theDefault} at the server ${dnsPod} takes longer than 860ms.`,
        },
      ],
    },
  },
});

testScenario('names outside of the cluster are slow: no alert', {
  world: { minutes: 16, lookup: (_agent, _server, host) => ({ slow: host === externalName ? 1 : 0 }) },
  expected: silence(0, 16),
});

testScenario('only names outside of the cluster are looked up: they count', {
  world: {
    minutes: 15,
    hosts: [externalName],
    lookup: (_agent, _server, _host, minute) => ({ failed: minute >= 5 ? 0.2 : 0, slow: 0 }),
  },
  expected: {
    15: {
      NetExporterDNSFailing: [
        {
          labels: ofDefault,
          description: `20% of the DNS lookups of ${theDefault} failed within 5 minutes, on many nodes. At this rate, a month of the objective of 99.9 % is used up in about two days.`,
        },
      ],
    },
  },
});
