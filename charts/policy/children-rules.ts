import {
  agentNames,
  agentSelector,
  appliedAnnotation,
  instanceLabel,
  managedByLabel,
  managerName,
} from '../../src/contract/agent-names.ts';
import { apiUses } from '../../src/contract/api-uses.ts';
import { podMetricsEndpoint } from '../monitoring/agent-pod-monitor.ts';
import { absentOr, literal, mapOf, type Rule, type Variable } from './rule.ts';

const { group, kind } = apiUses.netExporters;

/** What is added to the NetExporter's name, by which the objects of a kind are called. */
const { agent, peers } = agentNames('');

/**
 * What the rules about the objects of a NetExporter read. A controller's name is empty where there is no object, no
 * controller, or another kind of controller.
 */
export const childVariables: readonly Variable[] = [
  // As `dyn`: the rules are about several kinds, and the type checker knows one at a time.
  { name: 'written', expression: 'dyn(object)' },
  { name: 'former', expression: 'dyn(oldObject)' },
  { name: 'instance', expression: controllerName('variables.written') },
  { name: 'formerInstance', expression: controllerName('variables.former') },
  { name: 'selector', expression: selectorOf('variables.instance') },
  {
    // A change of the metadata alone, such as a correction of the managed fields, may leave a spec that somebody else
    // has changed for the next request to revert.
    name: 'writesSpec',
    expression:
      'variables.written != null && (variables.former == null || variables.written.spec != variables.former.spec)',
  },
  {
    name: 'writesLabels',
    expression:
      'variables.written != null && (variables.former == null || ' +
      'variables.written.metadata.?labels != variables.former.metadata.?labels)',
  },
];

/** The rules that all objects of NetExporters have in common, for those of one kind. @param suffixes of their names */
function commonRules(suffixes: readonly string[]): Rule[] {
  const labels = 'variables.written.metadata.labels';
  const names = `[${suffixes.map((suffix) => `variables.instance + ${literal(suffix)}`).join(', ')}]`;
  return [
    {
      expression: "variables.former == null || variables.formerInstance != ''",
      message: `the operator changes and deletes only objects whose controller is a ${kind}`,
    },
    {
      expression: "variables.written == null || variables.instance != ''",
      message: `the operator writes only objects whose controller is a ${kind}`,
    },
    {
      expression: `variables.written == null || variables.written.metadata.name in ${names}`,
      message: `the operator writes only objects that are named after their ${kind}`,
    },
    {
      expression:
        `!variables.writesLabels || has(${labels}) && ` +
        `${labels}[?${literal(managedByLabel)}].orValue('') == ${literal(managerName)} && ` +
        `${labels}[?${literal(instanceLabel)}].orValue('') == variables.instance`,
      message: `objects of a ${kind} keep the labels ${managedByLabel} and ${instanceLabel}`,
    },
  ];
}

/** Identities of cloud providers follow annotations of ServiceAccounts. Those that somebody else has set may stay. */
const serviceAccountRules: Rule[] = [
  ...commonRules([agent]),
  {
    expression:
      'variables.written == null || !has(variables.written.metadata.annotations) || ' +
      `variables.written.metadata.annotations.all(key, key == ${literal(appliedAnnotation)} || ` +
      'variables.former != null && has(variables.former.metadata.annotations) && ' +
      'variables.former.metadata.annotations[?key] == variables.written.metadata.annotations[?key])',
    message: 'the operator annotates no ServiceAccount',
  },
  {
    expression:
      'variables.written == null || ' +
      `${notMounted('variables.written')} || variables.former != null && !${notMounted('variables.former')}`,
    message: 'ServiceAccounts of agents have automountServiceAccountToken: false',
  },
];

const serviceRules: Rule[] = [
  ...commonRules([agent, peers]),
  {
    expression: `!variables.writesSpec || variables.written.spec.type == "ClusterIP"`,
    message: 'Services of agents are of the type ClusterIP',
  },
  {
    expression: '!variables.writesSpec || variables.written.spec.?selector.orValue({}) == variables.selector',
    message: `Services select the agents of their ${kind} and no other pods`,
  },
  {
    // Those that somebody else has set may stay.
    expression:
      '!variables.writesSpec || variables.written.spec.?externalIPs.orValue([]).size() == 0 || ' +
      'variables.former != null && variables.written.spec.externalIPs == variables.former.spec.?externalIPs.orValue([])',
    message: 'the operator gives no Service external IPs',
  },
];

const networkPolicyRules: Rule[] = [
  ...commonRules([agent]),
  {
    expression: `!variables.writesSpec || ${selectsAgents('variables.written.spec.podSelector')}`,
    message: `NetworkPolicies select the agents of their ${kind} and no other pods`,
  },
];

/** A scrape must neither carry credentials nor leave the NetExporter's pods. */
const podMonitorRules: Rule[] = [
  ...commonRules([agent]),
  {
    expression:
      `!variables.writesSpec || ${selectsAgents('variables.written.spec.selector')} && ` +
      '!has(variables.written.spec.namespaceSelector)',
    message: `PodMonitors select the agents of their ${kind} and no other pods`,
  },
  {
    expression:
      '!variables.writesSpec || variables.written.spec.podMetricsEndpoints.all(endpoint, endpoint.all(field, field in ' +
      `${literal(Object.keys(podMetricsEndpoint()))}))`,
    message: `PodMonitors set nothing of an endpoint but ${Object.keys(podMetricsEndpoint()).join(', ')}`,
  },
];

/** The rules about the objects of NetExporters by their use in `apiUses`, but for the DaemonSet's pods. */
export const childrenRules = {
  serviceAccounts: serviceAccountRules,
  services: serviceRules,
  configMaps: commonRules([agent]),
  daemonSets: commonRules([agent]),
  networkPolicies: networkPolicyRules,
  podMonitors: podMonitorRules,
};

/** A label selector that selects the agents and nothing else. */
export function selectsAgents(selector: string): string {
  return (
    `${selector}.?matchLabels.orValue({}) == variables.selector && ` +
    `${absentOr(`${selector}.matchExpressions`, `${selector}.matchExpressions.size() == 0`)}`
  );
}

function controllerName(object: string): string {
  const owners = `${object}.metadata.ownerReferences`;
  const isOurs =
    `owner.?controller.orValue(false) && owner.kind == ${literal(kind)} && ` +
    `owner.apiVersion.startsWith(${literal(`${group}/`)})`;
  return (
    `${object} == null || !has(${owners}) || !${owners}.exists(owner, ${isOurs}) ? "" : ` +
    `string(${owners}.filter(owner, ${isOurs})[0].name)`
  );
}

/** The labels by which the agents of a NetExporter are selected, with its name from an expression. */
function selectorOf(instance: string): string {
  const entries = Object.entries(agentSelector(''));
  return mapOf(
    Object.fromEntries(entries.map(([key, value]) => [key, key === instanceLabel ? instance : literal(value)])),
  );
}

function notMounted(account: string): string {
  return `!${account}.?automountServiceAccountToken.orValue(true)`;
}
