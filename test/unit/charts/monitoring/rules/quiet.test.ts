import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silence, unexpected } from './promtool.ts';
import { scopes } from './scopes.ts';
import { type Agent, fourAgents, seriesOf, type World } from './world.ts';

const timeServers = ['ntp.example.com:123'];

/** Replaces one agent after the other, each within two minutes. */
const replaced: Agent[] = fourAgents.flatMap((agent, index) => [
  { ...agent, ends: 5 + index * 6 },
  { ...agent, pod: `${agent.pod}-new`, begins: 7 + index * 6, version: '1.1.0' },
]);
const isRollingOut = (minute: number) => minute >= 5 && minute < 30;
const rolledOut = { Reconciling: 'True', ConfigPropagated: 'False' };

const [first, ...others] = fourAgents as [Agent, ...Agent[]];
const isRebooting = (minute: number) => minute >= 5 && minute < 13;

/** What happens without a fault, and for how long it is watched. */
const worlds: Record<string, World> = {
  'all is well': { minutes: 20, timeServers },
  'Prometheus has just started, in the middle of everything, and finds the targets one after another': {
    minutes: 20,
    counted: 1000,
    isScraped: ({ pod }, minute) => minute >= Number(pod.at(-1)),
    leader: (minute) => (minute < 5 ? undefined : 1),
  },
  'a rollout takes longer than any alert is pending': {
    minutes: 36,
    timeServers,
    agents: replaced,
    conditions: (minute) => (isRollingOut(minute) ? rolledOut : {}),
    states: (minute) => (isRollingOut(minute) ? { desired: 4, ready: 3, configured: 2 } : {}),
  },
  'a node is drained and rebooted': {
    minutes: 24,
    timeServers,
    agents: [{ ...first, restarts: 13 }, ...others],
    isScraped: (agent, minute) => agent.node !== first.node || !isRebooting(minute),
    states: (minute) => (isRebooting(minute) ? { ready: 3, reporting: 3 } : {}),
    conditions: (minute) => (isRebooting(minute) ? { ConfigPropagated: 'False' } : {}),
  },
  'the leader changes, and changes again': {
    minutes: 20,
    leader: (minute) => (minute < 5 ? 0 : minute < 7 ? -1 : minute < 12 ? 1 : minute < 13 ? -1 : 0),
    judged: (minute) => (minute === 7 || minute === 13 ? undefined : 5),
    conditions: (minute) => (minute === 7 || minute === 13 ? { NetworkHealthy: 'Unknown', DNSHealthy: 'Unknown' } : {}),
  },
  'the NetExporter is paused, and a new leader does not judge it': {
    minutes: 20,
    judged: () => undefined,
    conditions: () => ({ ConfigPropagated: 'Unknown', DNSHealthy: 'Unknown', NetworkHealthy: 'Unknown' }),
    states: () => ({ configured: undefined }),
  },
  'the operator does not sync with agents': {
    minutes: 20,
    judged: () => undefined,
    syncAge: () => 0,
    conditions: () => ({ ConfigPropagated: 'Unknown', DNSHealthy: 'Unknown', NetworkHealthy: 'Unknown' }),
    states: () => ({ configured: undefined, reporting: undefined }),
  },
  'the NetExporter has no agents': { minutes: 20, agents: [] },
  'the NetExporter is deleted, and its operator with it': {
    minutes: 20,
    agents: fourAgents.map((agent) => ({ ...agent, ends: 5 })),
    leader: (minute) => (minute < 5 ? 0 : undefined),
  },
};

// The scopes differ in what they select only.
for (const [what, world] of Object.entries(worlds))
  for (const [scope, rules] of Object.entries(scopes))
    if (scope === 'every' || what === 'all is well')
      test(`no alert fires: ${what} (${scope})`, (t) => {
        assert.equal(unexpected(t, rules, seriesOf(world), silence(0, world.minutes)), '');
      });
