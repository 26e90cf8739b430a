import type { AlertName } from '../../../../../src/contract/alerts.ts';
import { leaderMetrics } from '../../../../../src/contract/metrics/operator-metrics.ts';
import { silence } from './promtool.ts';
import { type Scenario, small, testScenario } from './scenario.ts';
import { ofDefault, theDefault } from './scopes.ts';
import { type Agent, fourAgents, type World } from './world.ts';

const [first] = fourAgents as [Agent];

const descriptions: Partial<Record<AlertName, string>> = {
  NetExporterAgentsMissing: `1 of the agents of ${theDefault} are not ready, or Prometheus cannot scrape them.`,
  NetExporterAgentsNotConfigured: `1 of the agents of ${theDefault} do not have the newest settings or targets, or get no answer from the operator.`,
  NetExporterAgentsOutdated: `Agents of 2 versions run for ${theDefault}, and no rollout makes progress.`,
  NetExporterStalled: `The condition Stalled of ${theDefault} is True. Its message says what blocks the operator.`,
  NetExporterNotJudging: `The operator leads, but does not judge ${theDefault}, which has 2 ready agents, or fewer than half of them report.`,
};

const fires = (...names: AlertName[]) =>
  Object.fromEntries(names.map((name) => [name, [{ labels: ofDefault, description: descriptions[name]! }]]));

const operatorDown = (agents: number) => ({
  NetExporterOperatorDown: [
    {
      labels: ofDefault,
      description: `Prometheus scrapes ${agents} agents of ${theDefault} and no operator that leads. Agents keep measuring with their last configuration; nothing is judged.`,
    },
  ],
});

/** From the second minute on. */
const from2 =
  <T>(then: T, before: T) =>
  (minute: number) =>
    minute >= 2 ? then : before;

/** The leader changes while the alert fires, which it outlives. */
const leader = (minute: number) => (minute < 20 ? 0 : minute < 22 ? -1 : 1);

function testMonitor(name: string, world: Omit<World, 'minutes'>, expected: Scenario['expected']): void {
  const minutes = Math.max(...Object.keys(expected).map(Number));
  testScenario(name, { world: { ...small, ...world, minutes }, expected });
}

testMonitor(
  'an agent is not ready for a quarter of an hour, also through a change of the leader',
  { leader, states: from2({ ready: 1, configured: 1, reporting: 1 }, {}) },
  {
    ...silence(0, 16),
    ...Object.fromEntries([19, 20, 21, 22, 23].map((minute) => [minute, fires('NetExporterAgentsMissing')])),
  },
);

testMonitor(
  'Prometheus cannot scrape an agent, and there is no operator',
  { leader: () => undefined, isScraped: (agent, minute) => agent !== first || minute < 2 },
  { ...silence(0, 9), 29: { ...fires('NetExporterAgentsMissing'), ...operatorDown(1) } },
);

testMonitor(
  'an agent does not follow its settings',
  { leader, states: from2({ configured: 1 }, {}), conditions: from2({ ConfigPropagated: 'False' }, {}) },
  {
    ...silence(0, 16),
    ...Object.fromEntries([19, 20, 21, 22, 23].map((minute) => [minute, fires('NetExporterAgentsNotConfigured')])),
  },
);

testMonitor(
  'an agent gets no answer from the operator, while the other one does',
  { syncAge: (agent, minute) => (agent === first ? minute * 60 : 7) },
  { ...silence(0, 20), 23: fires('NetExporterAgentsNotConfigured') },
);

testMonitor(
  'an upgrade has stopped half way',
  { agents: [{ ...first, version: '0.9.0' }, fourAgents[1]!] },
  { ...silence(0, 29), 32: fires('NetExporterAgentsOutdated') },
);

testMonitor(
  'the operator is blocked',
  { leader, conditions: from2({ Ready: 'False', Stalled: 'True' }, {}) },
  {
    ...silence(0, 16),
    ...Object.fromEntries([19, 20, 21, 22, 23].map((minute) => [minute, fires('NetExporterStalled')])),
  },
);

testMonitor('two operators run, and none leads', { leader: from2(-1, 0) }, { ...silence(0, 11), 14: operatorDown(2) });

testMonitor(
  'no operator runs, which agents notice, too',
  {
    leader: from2<number | undefined>(undefined, 0),
    syncAge: (_agent, minute) => (minute < 2 ? 7 : (minute - 2) * 60),
  },
  { ...silence(0, 11), 14: operatorDown(2), 24: operatorDown(2) },
);

testMonitor(
  'the last judgement is old',
  { judged: (minute) => (minute < 2 ? 5 : (minute - 2) * 60) },
  { ...silence(0, 12), 18: fires('NetExporterNotJudging') },
);

testMonitor(
  'there is no judgement',
  { judged: () => undefined },
  { ...silence(0, 9), 12: fires('NetExporterNotJudging') },
);

testMonitor(
  'nearly no agent reports',
  { states: () => ({ reporting: 0 }), conditions: () => ({ DNSHealthy: 'Unknown', NetworkHealthy: 'Unknown' }) },
  { ...silence(0, 9), 12: fires('NetExporterNotJudging') },
);

testScenario('rules that see only the namespace of the NetExporter find the operator', {
  world: { ...small, minutes: 14 },
  hidden: [leaderMetrics.status.name],
  expected: silence(0, 14),
});
