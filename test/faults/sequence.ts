import { setTimeout as sleep } from 'node:timers/promises';
import { childKinds, netExporters } from '../../src/operator/cache/watched-kinds.ts';
import { waitFor } from '../cluster/wait.ts';
import { type ClusterApi, ClusterApiError } from './cluster-api.ts';
import { divergence, pathOf } from './desired-state.ts';
import type { FaultRig } from './fault-rig.ts';
import { formerLeadersWrites } from './leader-writes.ts';
import { cachesEqual } from './operator-process.ts';
import { busiestStretch, mostRequests, mostRequestsBeside, stretchMs, workMsOf } from './request-storm.ts';
import { type Action, firstSpec, type PlanOptions, planSequence, sequenceNames } from './sequence-plan.ts';
import { Stranger } from './stranger.ts';

/** What one sequence showed. */
export interface SequenceOutcome {
  seed: number;
  /** How long it took in all, in seconds. */
  seconds: number;
  /** How long it took to converge after the last fault, in seconds. */
  convergedAfter: number;
  requests: number;
  /** How often a stranger's agent was to send reports, and how many of these the operators accepted. */
  reports: { planned: number; accepted: number };
  /** The most requests of one operator process within ten seconds. */
  busiest: number;
  /** What was not as it must be, each in a sentence. */
  violations: string[];
}

export interface SequenceOptions extends Omit<PlanOptions, 'node'> {
  /** Where the NetExporters of the sequence are. */
  namespace: string;
  /** Milliseconds within which everything must have converged. */
  deadline: number;
  log: (line: string) => void;
}

/** Lease durations and what comes before: what of the record the next sequence may need. */
const rememberedMs = 60_000;

/**
 * Runs the sequence of a seed: edits and faults, then neither, and then asks whether everything is as if there had been
 * no fault.
 */
export async function runSequence(rig: FaultRig, seed: number, options: SequenceOptions): Promise<SequenceOutcome> {
  const { namespace, log } = options;
  const node = rig.cluster.nodes[0]!.name;
  const steps = planSequence(seed, { ...options, node });
  const trespasses = steps.flatMap(({ action }) => (action.do === 'trespass' ? action.trespass : []));
  const startedAt = performance.now();
  rig.proxy.record.forgetBefore(Date.now() - rememberedMs);
  const stranger = new Stranger(rig.api, `${namespace}-strangers`);
  await untilDone('the beginning of a sequence', async () => {
    await reset(rig.api, namespace, node);
    if (options.strangers) await stranger.arrive([node]);
  });
  await rig.operators.waitForLeader(options.deadline);
  if (options.strangers) await stranger.hasReporter(options.deadline);
  const from = Date.now();
  const violations: string[] = [];
  const pending: Promise<void>[] = [];
  const meanwhile = (work: Promise<unknown>) => {
    pending.push(
      work.then(
        () => {},
        (error: Error) => void violations.push(`what happens failed: ${error.message}`),
      ),
    );
  };
  for (const { action, pauseMs } of steps) {
    log(`${Date.now() - from} ms: ${JSON.stringify(action)}`);
    await act(rig, namespace, node, action, stranger, meanwhile);
    await sleep(pauseMs);
  }
  await Promise.all(pending);
  await rig.proxy.heal();
  const healed = Date.now();
  // While everything of the strangers' is there, and once more when it is gone.
  const deadline = options.deadline + workMsOf(stranger.netExporters);
  await convergence(rig, { namespace, deadline }).catch((error: Error) => violations.push(error.message));
  const convergedAt = Date.now();
  const atMost = mostRequestsBeside(stranger.netExporters);
  if (atMost === undefined) await calm(rig, options.deadline).catch((error: Error) => violations.push(error.message));
  if (options.strangers) {
    await untilDone('the end of the strangers', async () => {
      for (const gain of await stranger.gains()) if (!violations.includes(gain)) violations.push(gain);
      await stranger.leave();
    });
    await convergence(rig, options).catch((error: Error) => violations.push(`strangers gone: ${error.message}`));
  }
  const requests = rig.proxy.record.since(from);
  const busiest = busiestStretch(requests);
  if (atMost !== undefined && busiest > atMost) violations.push(`${busiest} requests of one operator in ten seconds`);
  violations.push(...rig.operators.takeFaults(), ...formerLeadersWrites(rig.proxy.record.since(0), from));
  return {
    seed,
    seconds: (performance.now() - startedAt) / 1000,
    convergedAfter: (convergedAt - healed) / 1000,
    requests: requests.length,
    reports: {
      planned: trespasses.filter(({ kind }) => kind === 'reports').length,
      accepted: stranger.acceptedReports,
    },
    busiest,
    violations,
  };
}

/** Makes the NetExporters of a sequence what each sequence begins with. */
async function reset(api: ClusterApi, namespace: string, node: string): Promise<void> {
  const present = new Map((await api.items(pathOf(netExporters, namespace))).map((item) => [item.metadata.name, item]));
  for (const name of sequenceNames) {
    const object = present.get(name);
    const spec = firstSpec(name, node);
    if (!object) await create(api, namespace, name, spec);
    else {
      const path = `${pathOf(netExporters, namespace)}/${name}`;
      await api.patch(path, 'json', [{ op: 'add', path: '/spec', value: spec }]);
    }
  }
}

function create(api: ClusterApi, namespace: string, name: string, spec: object): Promise<unknown> {
  const { group, version, kind } = netExporters;
  const object = { apiVersion: `${group}/${version}`, kind, metadata: { namespace, name }, spec };
  return api.create(pathOf(netExporters, namespace), object);
}

/** Does one thing. What goes on in the background, such as a restart that takes seconds, is handed to `meanwhile`. */
async function act(
  rig: FaultRig,
  namespace: string,
  node: string,
  action: Action,
  stranger: Stranger,
  meanwhile: (work: Promise<unknown>) => void,
): Promise<void> {
  const { api, proxy, operators } = rig;
  const path = (name: string) => `${pathOf(netExporters, namespace)}/${name}`;
  switch (action.do) {
    case 'edit':
      return meanwhile(persistently(() => api.patch(path(action.name), 'merge', action.patch)));
    case 'delete':
      return meanwhile(persistently(() => api.delete(path(action.name))));
    case 'create':
      return meanwhile(persistently(() => create(api, namespace, action.name, firstSpec(action.name, node))));
    case 'damage': {
      const { resource, suffix, patch } = action.damage;
      const kind = childKinds.find(({ plural }) => plural === resource)!;
      const child = `${pathOf(kind, namespace)}/${action.name}-${suffix}`;
      return meanwhile(persistently(() => (patch ? api.patch(child, 'merge', patch) : api.delete(child))));
    }
    case 'fault': {
      const { end } = proxy.inflict(action.rule);
      return meanwhile(sleep(action.forMs).then(end));
    }
    case 'interrupt':
      return proxy.interrupt(action.how, action.matching);
    case 'unreachable':
      await proxy.setReachability(action.how);
      return meanwhile(sleep(action.forMs).then(() => proxy.setReachability('open')));
    case 'restart':
      return meanwhile(restart(rig, action.component));
    case 'end-leader': {
      const leader = await operators.leader();
      if (leader) meanwhile(operators.end(leader, action.signal));
      return;
    }
    case 'stop-leader': {
      const leader = await operators.leader();
      leader?.signal('SIGSTOP');
      return meanwhile(sleep(action.forMs).then(() => leader?.signal('SIGCONT')));
    }
    case 'trespass': {
      const http = operators.running.flatMap(({ port }) => (port ? [{ host: '127.0.0.1', port }] : []));
      const commit = async () => stranger.commit(action.trespass, { http, sync: await operators.syncListener() });
      return meanwhile(persistently(commit));
    }
  }
}

async function restart({ cluster, api }: FaultRig, component: 'apiserver' | 'etcd'): Promise<void> {
  await cluster.stopComponent(component);
  await cluster.startComponent(component);
  await waitFor('readiness of the API server', () => api.isReady(), { timeout: 60_000 });
}

/**
 * How long what was planned may wait for the API server or a leader, in milliseconds: on a busy machine the next one
 * takes its time.
 */
const answerTimeoutMs = 120_000;

/** Does it again until it has succeeded: the API server may be away, or too busy. */
async function untilDone(what: string, work: () => Promise<void>): Promise<void> {
  await waitFor(what, () => work().then(() => true as const), { timeout: 60_000, interval: 200 });
}

/**
 * Tries until the API server has answered: it may be away. What it then refuses, such as an edit of what is gone, is as
 * well.
 */
async function persistently(ask: () => Promise<unknown>): Promise<void> {
  const answered = async () => {
    try {
      await ask();
    } catch (error) {
      if (!(error instanceof ClusterApiError) || error.status >= 500 || error.status === 429) throw error;
    }
    return true;
  };
  await waitFor('an answer of the API server', answered, { timeout: answerTimeoutMs, interval: 200 });
}

/**
 * Waits for ten seconds from now on in which no operator process sends more than at rest. After many NetExporters there
 * may be work left that the rate limit held up.
 */
async function calm(rig: FaultRig, timeout: number): Promise<void> {
  const from = Date.now() + stretchMs;
  const isCalm = () =>
    Date.now() >= from && busiestStretch(rig.proxy.record.since(Date.now() - stretchMs)) <= mostRequests;
  await waitFor('ten seconds without a storm of requests', isCalm, { timeout: stretchMs + timeout, interval: 500 });
}

/** Waits until the namespace is as its NetExporters say, and every cache as the API server’s content. */
export async function convergence(
  rig: FaultRig,
  { namespace, deadline }: Pick<SequenceOptions, 'namespace' | 'deadline'>,
): Promise<void> {
  const { api, operators, agentImage, sync } = rig;
  await operators.waitForLeader(deadline);
  const converged = async () => {
    const found = await divergence(api, namespace, { agentImage, sync });
    if (found.length > 0) throw new Error(found.slice(0, 10).join('; '));
    return true;
  };
  await waitFor(`convergence of ${namespace}`, converged, { timeout: deadline, interval: 200 });
  await cachesEqual(() => operators.waitForLeader(deadline), api, deadline);
}
