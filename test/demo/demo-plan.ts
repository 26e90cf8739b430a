import { kind as netExporterKind, version } from '../../src/crd/net-exporter.ts';
import { demo, runOf } from './demo-objects.ts';
import { type KubeObject, nameOf } from './object-access.ts';

/** What a cluster holds that decides how the demo can use it. */
export interface Survey {
  /** The demo's namespace, if it exists. */
  demoNamespace: KubeObject | undefined;
  /** Whether the run that created that namespace still renews its Lease. */
  isRunning: boolean;
  /** The objects of manifests/install.yaml that exist. */
  installed: readonly KubeObject[];
  netExporters: readonly KubeObject[];
  /**
   * Objects that no run of the demo created, nor a controller for it, in the demo's and in the operator's namespace.
   */
  foreign: { demo: readonly KubeObject[]; operator: readonly KubeObject[] };
}

/** What a run is going to do. */
export interface DemoPlan {
  /** Left by an earlier run, such as one that was killed, in the order in which they were created. */
  leftovers: KubeObject[];
  /** Whether this run installs the operator, and so removes it; otherwise it uses the one that is there. */
  installs: boolean;
}

/** Reasons why the demo cannot use a cluster. Nothing has been changed. */
export class DemoRefusal extends Error {
  readonly code = 'DEMO_REFUSED';

  constructor(reasons: readonly string[]) {
    super(['The demo cannot run on this cluster, and has changed nothing:', ...reasons.map(item)].join('\n'));
    this.name = 'DemoRefusal';
  }
}

const installFile = 'manifests/install.yaml';

/**
 * Decides what a run does on a cluster: it adds objects and removes what an earlier run left, and never touches
 * anything else.
 * @param install every object of manifests/install.yaml
 * @throws {DemoRefusal} when that is not possible
 */
export function planDemo(survey: Survey, install: readonly KubeObject[]): DemoPlan {
  const { demoNamespace, installed } = survey;
  const namespaceProblems = demoNamespace === undefined ? [] : problemsOfNamespace(demoNamespace, survey);
  const installationIsLeft =
    installed.length > 0 && installed.every((object) => runOf(object) !== undefined) && !isInUse(survey);
  const installs = installed.length === 0 || installationIsLeft;
  const problems = [...namespaceProblems, ...(installs ? [] : problemsOfInstallation(installed, install))];
  if (problems.length > 0) throw new DemoRefusal(problems);
  return {
    leftovers: [...(demoNamespace ? [demoNamespace] : []), ...(installationIsLeft ? installed : [])],
    installs,
  };
}

/** Whether something that the demo did not create needs the operator, or would be deleted with its namespace. */
function isInUse({ netExporters, foreign }: Survey): boolean {
  return foreign.operator.length > 0 || othersAmong(netExporters).length > 0;
}

/** NetExporters that no run of the demo created. */
export function othersAmong(netExporters: readonly KubeObject[]): KubeObject[] {
  return netExporters.filter((object) => runOf(object) === undefined);
}

function problemsOfNamespace(namespace: KubeObject, { isRunning, foreign }: Survey): string[] {
  const { name } = namespace.metadata;
  const run = runOf(namespace);
  if (run === undefined)
    return [`The namespace ${name} exists, and the demo did not create it. Delete it, or use another cluster.`];
  if (isRunning) return [`Another demo is running on this cluster (${run}). Wait until it ends.`];
  if (foreign.demo.length === 0) return [];
  const remedy = 'Move or delete them, because the demo would delete the namespace with them.';
  return [
    `The namespace ${name} of an earlier demo has objects that the demo did not create: ${names(foreign.demo)}. ${remedy}`,
  ];
}

function problemsOfInstallation(installed: readonly KubeObject[], install: readonly KubeObject[]): string[] {
  const find = (kind: string) => installed.find((object) => object.kind === kind);
  const [definition, namespace, deployment] = ['CustomResourceDefinition', 'Namespace', 'Deployment'].map(find);
  const remedy = `Complete or remove the installation: kubectl apply -f ${installFile}, or kubectl delete -f ${installFile}.`;
  if (!definition || !namespace || !deployment) {
    const missing = install.filter((object) => !installed.some((other) => nameOf(other) === nameOf(object)));
    return [`Only a part of ${installFile} is installed: ${names(installed)}. Missing: ${names(missing)}. ${remedy}`];
  }
  const ending = [definition, namespace, deployment].filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  if (ending.length > 0) return [`${names(ending)}: deletion in progress. Run the demo again when it is complete.`];
  return [...problemsOfDefinition(definition), ...problemsOfDeployment(deployment)];
}

/** Fields of the status that the demo waits for. */
const statusFields = ['observedGeneration', 'conditions', 'agents.desired', 'agents.ready', 'agents.configured'];

function problemsOfDefinition(definition: KubeObject): string[] {
  const versions = (definition.spec?.versions ?? []) as { name: string; served: boolean; schema?: Schema }[];
  const served = versions.filter((candidate) => candidate.served);
  const upgrade = 'Use the version of the demo that matches the installation, or another cluster.';
  const ours = served.find(({ name }) => name === version);
  const { name } = definition.metadata;
  if (!ours)
    return [
      `The CustomResourceDefinition ${name} serves ${served.map((each) => each.name).join()}, not ${version}. ${upgrade}`,
    ];
  const schema = ours.schema?.openAPIV3Schema?.properties;
  const missing = [
    ...['dns.hosts', 'network.peersPerAgent', 'monitoring.podMonitor'].filter((path) => !has(schema?.spec, path)),
    ...statusFields.filter((path) => !has(schema?.status, path)),
  ];
  if (missing.length === 0) return [];
  return [
    `The ${netExporterKind} of the installed version has no ${missing.join()} (CustomResourceDefinition ${name}). ${upgrade}`,
  ];
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
}

interface Schema {
  openAPIV3Schema?: SchemaNode;
}

function has(node: SchemaNode | undefined, path: string): boolean {
  return path.split('.').reduce((parent, field) => parent?.properties?.[field], node) !== undefined;
}

function problemsOfDeployment(deployment: KubeObject): string[] {
  const { namespace, name, generation = 0 } = deployment.metadata;
  const { replicas: desired = 1 } = (deployment.spec ?? {}) as { replicas?: number };
  const status = (deployment.status ?? {}) as { observedGeneration?: number; availableReplicas?: number };
  const available = status.availableReplicas ?? 0;
  if (available > 0 && (status.observedGeneration ?? 0) >= generation) return [];
  const look = `kubectl describe deployment -n ${namespace} ${name}`;
  return [
    `The operator is not available: ${available} of ${desired} replicas of the Deployment ${namespace}/${name} are. See: ${look}`,
  ];
}

/** What the user reads before agreeing to a plan. */
export function describePlan({ leftovers, installs }: DemoPlan, install: readonly KubeObject[]): string[] {
  const { namespace, name } = demo;
  const added = [
    `Namespace ${namespace}, with a Lease that locks it for this run`,
    `${netExporterKind} ${namespace}/${name}; the operator runs an agent on every Linux node for it`,
    ...(installs ? install.map((object) => `${nameOf(object)} (${installFile})`) : []),
  ];
  const removedFirst = leftovers.map((object) => `${nameOf(object)} (${runOf(object)})`);
  return [
    ...(removedFirst.length > 0 ? ['Left by an earlier demo, removed first:', ...removedFirst.map(item)] : []),
    'Added now, removed at the end:',
    ...added.map(item),
    ...(installs ? [] : ['Used as it is: the installed operator']),
  ];
}

/** At most three names, so that a message stays readable. */
export function names(objects: readonly KubeObject[]): string {
  const shown = objects.slice(0, 3).map(nameOf).join(', ');
  return objects.length > 3 ? `${shown} and ${objects.length - 3} more` : shown;
}

function item(line: string): string {
  return `  - ${line}`;
}
