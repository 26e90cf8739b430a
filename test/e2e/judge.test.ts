import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { prometheusRuleSpec } from '../../charts/monitoring/prometheus-rule.ts';
import { type AlertName, suspectAlerts } from '../../src/contract/alerts.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { keyOfName } from '../../src/operator/judge/subjects.ts';
import { type AlertTime, describeAlert, suspectKeyOf } from '../alerts/alert-history.ts';
import { type AlertingFault, alertOutcomes } from '../alerts/alert-outcomes.ts';
import { AlertWatch } from '../alerts/alert-watch.ts';
import { fasterAlerts } from '../alerts/faster-rules.ts';
import { faultAlerts } from '../alerts/fault-alerts.ts';
import { agentsJoin, suspectJoins } from '../alerts/series-joins.ts';
import { Cleanups } from '../cluster/cleanups.ts';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import { contradictions, isTold, suspectEvents, suspectsInMetrics, suspectsInStatus } from '../judge/agreement.ts';
import { droppedDns } from '../judge/dns-faults.ts';
import type { FaultSite, JudgedFault } from '../judge/fault-site.ts';
import { deafNode } from '../judge/node-faults.ts';
import {
  type FaultTime,
  keysOf,
  outcomesOf,
  type StatusSuspect,
  untrueTimes,
  type WrongSuspect,
} from '../judge/outcomes.ts';
import { cutLink } from '../judge/path-faults.ts';
import { SuspectWatch } from '../judge/suspect-watch.ts';
import { getJson } from './agents.ts';
import { faultGaps } from './dashboard-data.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  netExporter,
  removeNamespace,
  restrictedNamespace,
  scrapeIntervalSeconds,
  tellOnFailure,
  waitForAgents,
} from './environment.ts';

const namespace = 'e2e-judge';
const name = 'judge';
/** Two in each of three zones. */
const nodes = 6;
const probing = { interval: '5s' };
const ofResource = `namespace="${namespace}",netexporter="${name}"`;
/** From a fault to its alert, in seconds. */
const alertDeadline = 180;
/** Divides the minute before an alert about a suspect, and the five minutes after it. */
const factor = 20;
/** By so much sooner does the alert fire, in seconds. */
const sooner = 60 - 60 / factor;
let env: Environment;
let api: ClusterApi;
let watch: SuspectWatch;
let alerts: AlertWatch;
let site: FaultSite;
const added: string[] = [];
/** Each fault ends when its alert fires, and the next one begins while that is being cleared. */
const faults: FaultTime[] = [];
const alertingFaults: AlertingFault[] = [];
const cleanups = new Cleanups();
/** Keys of suspects that are slow because the machine is busy with other tests. */
const slow: string[] = [];
/** Events since then are this file's. */
const began = Date.now();

before(async () => {
  env = await environment();
  api = await ClusterApi.of(env.cluster.kubeconfig);
  await restrictedNamespace(env.kubectl, namespace);
  const network = { ...probing, protocols: ['TCP', 'UDP'] };
  await apply(env.kubectl, netExporter(namespace, name, { dns: probing, network, health: { nodeEvents: true } }));
  while (env.cluster.nodes.length < nodes) added.push((await env.cluster.addNode()).name);
  await waitForAgents(env.kubectl, namespace, name, nodes);
  watch = await SuspectWatch.start(api, namespace, name);
  alerts = await startAlerts();
  site = { cluster: env.cluster, kubectl: env.kubectl, namespace, name, choose: chooseUnused() };
});

after(async () => {
  await cleanups.run();
  await alerts?.[Symbol.asyncDispose]();
  await watch?.[Symbol.asyncDispose]();
  api?.close();
  for (const node of added) await env.cluster.removeNode(node);
  await removeNamespace(env.kubectl, namespace);
});

/** A Prometheus with the rules for this NetExporter. */
async function startAlerts(): Promise<AlertWatch> {
  const object = await getJson<NetExporter>(env.kubectl, ['netexporter', '-n', namespace, name]);
  const suspectAlertNames: readonly string[] = Object.values(suspectAlerts);
  const groups = fasterAlerts(prometheusRuleSpec(object).groups, factor, ({ alert }) =>
    suspectAlertNames.includes(alert),
  );
  return await AlertWatch.start(env.cluster.kubeconfig, groups);
}

/** The last ones that no fault has had: nodes that were added have neither CoreDNS nor an operator. */
function chooseUnused(): FaultSite['choose'] {
  const used = new Set<unknown>();
  return (items, count) => {
    const chosen = items.filter((item) => !used.has(item)).slice(-count);
    for (const item of chosen) used.add(item);
    return chosen;
  };
}

/** Injects a fault until its suspect is in the status, everything else says the same, and the alert fires. */
async function finds(t: TestContext, fault: JudgedFault): Promise<void> {
  tellOnFailure(t, env, namespace);
  const { key, reasons } = await fault.inject(site, cleanups);
  const time: FaultTime = { name: fault.name, key, from: performance.now(), until: Number.POSITIVE_INFINITY };
  faults.push(time);
  const alerting = { ...faultAlerts[fault.name]!, name: fault.name, key, from: Date.now() / 1000, until: Infinity };
  alertingFaults.push(alerting);
  try {
    const found = await watch.untilFound(key, deadline / 1000);
    assert.ok(found, `${key} is not among ${keysOf(watch.now).join(', ') || 'no suspects'}`);
    const suspect = outcomesOf(watch.snapshots, faults).outcomes.at(-1)!.suspect!;
    t.diagnostic(suspect.evidence);
    assert.ok(reasons.includes(suspect.reason), suspect.reason);
    await waitFor('metrics, conditions and Events that say the same', () => allSay('SuspectFound', suspect), {
      timeout: deadline,
    });
    await onDashboard('Suspects now', 'Suspects over time');
    for (const alert of alerting.must) await fires(alert, key);
    await isJoined(key);
  } finally {
    time.until = performance.now();
    alerting.until = Date.now() / 1000;
    await cleanups.run();
  }
}

/** Waits until panels about faults have data with all that they show. */
async function onDashboard(...panels: string[]): Promise<void> {
  const choices = { namespace: [namespace], netexporter: [name] };
  const view = { choices, scrapeIntervalSeconds, rangeSeconds: 600 };
  await waitFor(
    `data of ${panels.join(', ')}`,
    async () => {
      const gaps = await faultGaps(env.prometheus, view, panels);
      if (gaps.length > 0) throw new Error(gaps.join('\n'));
      return true;
    },
    { timeout: deadline, interval: 1000 },
  );
}

async function fires(alert: AlertName, key: string): Promise<void> {
  const isSo = (firing: AlertTime[]) => firing.some((time) => time.alert === alert && suspectKeyOf(time) === key);
  if (await alerts.until(isSo, alertDeadline)) return;
  const firing = await alerts.firing();
  assert.fail(`${alert} about ${key} is not among ${firing.map(describeAlert).join(', ') || 'no alerts'}`);
}

/** Waits until Prometheus can join the suspect with the agents' series. */
async function isJoined(key: string): Promise<void> {
  const joined = async () => {
    const suspect = watch.now.suspects.find(({ kind, name: is }) => keyOfName(kind, is) === key);
    const answers = suspectJoins(ofResource, suspect!).map((join) => alerts.prometheus.query(join));
    assert.deepEqual(
      (await Promise.all(answers)).filter((series) => series.length !== 1),
      [],
    );
    return true;
  };
  await waitFor(`series of the agents that ${key} is about`, joined, { timeout: deadline });
}

/** @throws AssertionError that says what conditions or metrics say instead of the status */
async function allSay(reason: 'SuspectFound' | 'SuspectCleared', suspect: StatusSuspect): Promise<boolean> {
  assert.deepEqual(contradictions(watch.now), []);
  assert.deepEqual(await suspectsInMetrics(env, namespace, name), suspectsInStatus(watch.now));
  return isTold(await suspectEvents(env.kubectl, namespace, { kind: 'NetExporter', name }), reason, suspect, began);
}

test('at rest there is no suspect, and network and DNS are healthy', async (t) => {
  tellOnFailure(t, env, namespace);
  assert.ok(await watch.untilHealthy(deadline / 1000), JSON.stringify(watch.now));
});

test("the operator's series join those of the agents, and none has exported_namespace", async () => {
  const { prometheus } = alerts;
  const join = agentsJoin(ofResource);
  await waitFor(join, async () => (await prometheus.query(join)).length === 1, { timeout: deadline });
  assert.deepEqual(await prometheus.query('count by (__name__) ({exported_namespace!=""})'), []);
});

test('a node that no connection of others reaches is the suspect, and its Node gets an Event', async (t) => {
  await finds(t, deafNode);
  const node = faults[0]!.key.split(' ')[1]!;
  const told = async () =>
    isTold(
      await suspectEvents(env.kubectl, 'default', { kind: 'Node', name: node }),
      'SuspectFound',
      { name: node },
      began,
    );
  await waitFor(`an Event of ${node}`, told, { timeout: deadline });
});

test('a link whose packets are lost one way is the suspect', (t) => finds(t, cutLink));

test('a DNS pod to which queries are lost is the suspect', (t) => finds(t, droppedDns));

test('the dashboard shows which links and lookups failed', async (t) => {
  tellOnFailure(t, env, namespace);
  await onDashboard('Failing links', 'DNS failures by server and reason');
});

test('there was no other suspect, each is gone after its fault, and Ready stayed True', async (t) => {
  tellOnFailure(t, env, namespace);
  for (const { key } of faults) assert.ok(await watch.untilCleared(key, deadline / 1000), `${key} is not cleared`);
  const { outcomes, wrong } = outcomesOf(watch.snapshots, faults);
  for (const { name: fault, key, found, cleared } of outcomes)
    t.diagnostic(`${fault}: ${key} found after ${found?.toFixed(1)} s, cleared ${cleared?.toFixed(1)} s after its end`);
  // On a machine that is busy with other tests, a DNS server that gets no processor is slow indeed.
  const isOfMachine = ({ suspect }: WrongSuspect) => suspect.reason === 'Slow';
  for (const { suspect } of wrong.filter(isOfMachine)) t.diagnostic(suspect.evidence);
  slow.push(...wrong.filter(isOfMachine).map(({ key }) => key));
  assert.deepEqual(
    wrong.filter((suspect) => !isOfMachine(suspect)),
    [],
  );
  assert.ok(outcomes.every(({ found, cleared }) => found !== undefined && cleared !== undefined));
  assert.deepEqual(untrueTimes(watch.snapshots, 'Ready'), []);
  for (const { suspect } of outcomes)
    await waitFor('metrics and Events that say that it is gone', () => allSay('SuspectCleared', suspect!), {
      timeout: deadline,
    });
});

test('there was no other alert, each fired within three minutes, and is resolved', async (t) => {
  const { outcomes } = alertOutcomes(await alerts.times(), alertingFaults);
  for (const { fault, alert, fired } of outcomes)
    t.diagnostic(`${fault}: ${alert} fired after ${fired?.toFixed(1)} s, with its whole minute ${sooner} s later`);
  assert.ok(outcomes.every(({ fired }) => fired !== undefined && fired + sooner < alertDeadline));
  const isOver = (firing: AlertTime[]) =>
    alertingFaults.every(({ key }) => firing.every((time) => suspectKeyOf(time) !== key));
  assert.ok(await alerts.until(isOver, deadline / 1000), (await alerts.firing()).map(describeAlert).join(', '));
  const { unexpected } = alertOutcomes(await alerts.times(), alertingFaults);
  const others = unexpected.filter((time) => !slow.includes(suspectKeyOf(time) ?? ''));
  assert.deepEqual(others.map(describeAlert), []);
});
