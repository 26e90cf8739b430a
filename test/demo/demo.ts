import { rm } from 'node:fs/promises';
import { operatorName, operatorNamespace } from '../../src/contract/operator-names.ts';
import { nodeFactsOf } from '../../src/operator/plan/node-facts.ts';
import { Cleanups } from '../cluster/cleanups.ts';
import { removeLeftovers } from '../cluster/leftovers.ts';
import { ownedDirectory, ownedName } from '../cluster/owned-name.ts';
import { documentedConfiguration, Prometheus } from '../cluster/prometheus.ts';
import { waitFor } from '../cluster/wait.ts';
import { agentsOf, getJson, getNetExporter, isReady, type Kubectl } from '../e2e/agents.ts';
import { type ExpectedSeries, missingSeries } from '../e2e/expected-series.ts';
import { waitForOperator } from '../e2e/installation.ts';
import { closingLines } from './closing-lines.ts';
import { describeRight, forbiddenRoles, requiredRights, surveyCluster } from './cluster-survey.ts';
import { type DemoCluster, existingCluster, localCluster } from './demo-cluster.ts';
import { demo, installObjects, marked, namespaceObject, netExporterObject, runOf } from './demo-objects.ts';
import { type DemoPlan, DemoRefusal, describePlan, planDemo } from './demo-plan.ts';
import { DemoRemoval } from './demo-removal.ts';
import { latencyTable } from './latency-table.ts';
import { ObjectAccess } from './object-access.ts';
import { RunLease } from './run-lease.ts';

export interface DemoOptions {
  /** Nodes of the local cluster. */
  nodes: number;
  /** An existing cluster to use instead. */
  kubeconfig?: string;
  /** Whether the user has agreed to what the demo adds to an existing cluster. */
  yes: boolean;
  /** Aborted when the user wants to end it. */
  signal: AbortSignal;
  log: (line: string) => void;
  /** Resolves when what was shown may be taken away again. */
  untilStopped: () => Promise<void>;
}

/** Milliseconds. Generous: a slow machine is no failure. */
const deadline = 300_000;

/**
 * The main job, shown: a cluster, the operator, a NetExporter and a Prometheus that scrapes its agents. Everything that
 * it created is gone when it resolves or rejects, and nothing else has changed.
 * @returns the exit code: 0 when everything was really there, 2 when the user has to agree first, 130 when it was
 *   stopped before
 * @throws {DemoRefusal} when an existing cluster cannot be used
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { signal, log } = options;
  const cleanups = new Cleanups();
  try {
    return await cleanups.after(() => new Demo(options, cleanups).run(), log);
  } catch (error) {
    if (!signal.aborted) throw error;
    return 130;
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #cleanups: Cleanups;
  readonly #run = ownedName('demo');
  #hasChanged = false;

  constructor(options: DemoOptions, cleanups: Cleanups) {
    this.#options = options;
    this.#cleanups = cleanups;
  }

  async run(): Promise<number> {
    const { kubeconfig, nodes, signal, log, untilStopped } = this.#options;
    const directory = ownedDirectory('demo');
    this.#cleanups.add(directory, () => rm(directory, { recursive: true, force: true }));
    this.#hasChanged = kubeconfig === undefined;
    try {
      // The start of a local cluster does so too.
      if (kubeconfig !== undefined) await removeLeftovers(log);
      const cluster =
        kubeconfig === undefined
          ? await localCluster({ nodes, signal, log }, this.#cleanups)
          : await existingCluster({ kubeconfig, directory, signal, log });
      signal.throwIfAborted();
      const access = new ObjectAccess(cluster.steadyKubectl);
      const plan = await this.#plan(access);
      if (!cluster.isOwn && !(await this.#isAgreed(plan))) return 2;
      await this.#create(cluster, access, plan);
      await this.#show(cluster, directory);
      await untilStopped();
      return 0;
    } catch (error) {
      if (signal.aborted) log((signal.reason as Error).message);
      throw error;
    } finally {
      if (this.#hasChanged) log('cleaning up');
    }
  }

  /** @throws {DemoRefusal} */
  async #plan(access: ObjectAccess): Promise<DemoPlan> {
    const { signal, log } = this.#options;
    const install = await installObjects();
    const plan = planDemo(await surveyCluster(access, { run: this.#run, signal, log }), install);
    const lacking = await access.lacking(requiredRights(plan.installs ? install : []));
    const problems = lacking.map(describeRight);
    if (problems.length === 0 && plan.installs) problems.push(...(await forbiddenRoles(access, install)));
    if (problems.length > 0) throw new DemoRefusal(problems);
    return plan;
  }

  async #isAgreed(plan: DemoPlan): Promise<boolean> {
    const { kubeconfig, yes, log } = this.#options;
    log(`On the cluster of ${kubeconfig}:`);
    for (const line of describePlan(plan, await installObjects())) log(line);
    if (!yes) log('Run it again with --yes to go on.');
    return yes;
  }

  /**
   * Creates the demo's objects. On a cluster that was there before, each is registered for removal before it is
   * created.
   */
  async #create(cluster: DemoCluster, access: ObjectAccess, plan: DemoPlan): Promise<void> {
    const { signal, log } = this.#options;
    const removal = new DemoRemoval(access, this.#run, log);
    const removeLater = (what: string, step: () => Promise<void>) => {
      signal.throwIfAborted();
      if (!cluster.isOwn) this.#cleanups.add(what, step);
    };
    this.#hasChanged = true;
    await this.#removeLeftovers(access, plan);
    removeLater(`the namespace ${demo.namespace}`, () => removal.removeNamespace());
    await access.create(marked(namespaceObject(), this.#run));
    const lease = await RunLease.acquire(access, this.#run);
    this.#cleanups.add('the Lease', () => lease.stop());
    await this.#verify(access, plan);
    if (plan.installs) {
      log('installing the operator: the objects of manifests/install.yaml');
      removeLater('the operator', () => removal.removeOperator());
      for (const object of await installObjects()) {
        signal.throwIfAborted();
        await access.create(marked(object, this.#run));
      }
      await this.#waitForOperator(cluster);
    }
    log(`creating the NetExporter ${demo.namespace}/${demo.name}`);
    removeLater(`the NetExporter ${demo.name}`, () => removal.removeNetExporter());
    await access.create(marked(netExporterObject(), this.#run));
  }

  async #waitForOperator({ kubectl, steadyKubectl }: DemoCluster): Promise<void> {
    const { signal, log } = this.#options;
    try {
      await waitForOperator(kubectl);
    } catch (error) {
      // Most often the nodes cannot pull the image.
      if (!signal.aborted) log(await steadyKubectl(['get', 'pods', '-n', operatorNamespace]));
      throw error;
    }
  }

  async #removeLeftovers(access: ObjectAccess, { leftovers, installs }: DemoPlan): Promise<void> {
    if (leftovers.length === 0) return;
    const { log } = this.#options;
    log('removing what an earlier demo left');
    const removals = [...new Set(leftovers.map(runOf))].map((run) => new DemoRemoval(access, run!, log));
    for (const removal of removals) await removal.removeNetExporter();
    if (installs) for (const removal of removals) await removal.removeOperator();
    for (const removal of removals) await removal.removeNamespace();
  }

  /**
   * The plan was made before this run had locked the cluster: another one may have ended since, and removed the
   * operator.
   */
  async #verify(access: ObjectAccess, { installs }: DemoPlan): Promise<void> {
    const now = await this.#plan(access);
    if (now.installs !== installs || now.leftovers.length > 0)
      throw new Error('Somebody else is changing the installation of the operator. Run the demo again.');
  }

  async #show(cluster: DemoCluster, directory: string): Promise<void> {
    const { signal, log } = this.#options;
    await waitForReady(cluster.kubectl, signal);
    log('starting Prometheus');
    const { relabelConfigs = [], scrapeConfig, environment } = await cluster.scraping();
    const configuration = await documentedConfiguration(cluster.kubeconfig, 5);
    // Other NetExporters of the cluster are not this Prometheus' business.
    const only = (...namespaces: string[]) => [
      { source_labels: ['namespace'], regex: namespaces.join('|'), action: 'keep' },
    ];
    for (const scrape of configuration.scrape_configs) {
      const isOperator = scrape.job_name === operatorName;
      scrape.relabel_configs.push(...only(isOperator ? operatorNamespace : demo.namespace), ...relabelConfigs);
      if (isOperator) scrape.metric_relabel_configs = only(demo.namespace, operatorNamespace);
      Object.assign(scrape, scrapeConfig);
    }
    const prometheus = await Prometheus.start({
      ...{ directory, configuration, port: 9090 },
      ...(environment && { environment }),
    });
    this.#cleanups.add('Prometheus', () => prometheus.stop());
    const shown = await waitForSeries(cluster, prometheus, signal);
    for (const line of await closingLines(cluster, prometheus, shown)) log(line.trimEnd());
  }
}

async function waitForReady(kubectl: Kubectl, signal: AbortSignal): Promise<void> {
  const { namespace, name } = demo;
  await waitFor(
    'a ready agent with its targets on every node',
    async () => {
      const object = await getNetExporter(kubectl, namespace, name);
      const { desired = 0, configured } = object.status?.agents ?? {};
      const propagated = object.status?.conditions.find(({ type }) => type === 'ConfigPropagated');
      const isPropagated =
        propagated?.status === 'True' && propagated.observedGeneration === object.metadata.generation;
      if (desired === 0 || !isReady(object, desired) || !isPropagated || configured !== desired)
        throw new Error(object.status?.conditions.map(({ type, message }) => `${type}: ${message}`).join(' '));
      return (await agentsOf(kubectl, namespace, name)).length === desired;
    },
    { timeout: deadline, interval: 500, signal },
  );
}

async function waitForSeries(
  { kubectl, isOwn }: DemoCluster,
  prometheus: Prometheus,
  signal: AbortSignal,
): Promise<ExpectedSeries> {
  return await waitFor(
    'latencies of every agent in Prometheus',
    async () => {
      // Nodes of a user's cluster come, go and are cordoned meanwhile, and its network may have faults, which the table
      // shows. On this machine, which all nodes share, a lookup may time out: counters of errors do not go back to
      // zero.
      const expected = { ...(await expectedNow(kubectl)), allowFailures: isOwn ? 'some' : 'all' } as const;
      const missing = await missingSeries(prometheus, expected);
      if (missing.length > 0) throw new Error(`${missing.length} series are missing, among them ${missing[0]}`);
      return (await latencyTable(prometheus, expected)).complete && expected;
    },
    { timeout: deadline, interval: 1000, signal },
  );
}

async function expectedNow(kubectl: Kubectl): Promise<ExpectedSeries> {
  const { namespace, name } = demo;
  const { spec } = await getNetExporter(kubectl, namespace, name);
  const agents = await agentsOf(kubectl, namespace, name);
  const nodes = (await getJson<{ items: Parameters<typeof nodeFactsOf>[0][] }>(kubectl, ['nodes'])).items;
  const draining = nodes.map(nodeFactsOf).filter(({ notice }) => notice !== undefined);
  return { namespace, name, agents, spec, draining: new Set(draining.map((node) => node.name)) };
}
