import {
  agentNames,
  agentSelector,
  appliedAnnotation,
  instanceLabel,
  managedByLabel,
  managerName,
} from '../../src/contract/agent-names.ts';
import { apiUses } from '../../src/contract/api-uses.ts';
import { openShiftPullSecret, powerfulKeys } from '../../src/contract/powerful-metadata.ts';
import { MetricRelabelingSchema, metricRelabelingActions } from '../../src/crd/metric-relabeling.ts';
import { isScrapeInterval, isScrapeTimeout, maxMetricRelabelings } from '../../src/crd/scrape-spec.ts';
import { podMonitorSpec, possibleRelabelings, scraped } from '../monitoring/agent-pod-monitor.ts';
import { prometheusRuleRules } from './prometheus-rule-rules.ts';
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
  { name: 'adopts', expression: isAdoption() },
  {
    // What the object was, for rules by which something that somebody else has set may stay. Of an orphan nothing may:
    // its adoption is judged as if it were created.
    name: 'kept',
    expression: 'variables.adopts ? dyn(null) : variables.former',
  },
  {
    // A change of the metadata alone, such as a correction of the managed fields, may leave a spec that somebody else
    // has changed for the next request to revert.
    name: 'writesSpec',
    expression:
      'variables.written != null && (variables.kept == null || variables.written.spec != variables.kept.spec)',
  },
  {
    name: 'writesLabels',
    expression:
      'variables.written != null && (variables.kept == null || ' +
      'variables.written.metadata.?labels != variables.kept.metadata.?labels)',
  },
];

/**
 * The rules that all objects of NetExporters have in common, for those of one kind.
 * @param suffixes of their names
 */
function commonRules(suffixes: readonly string[]): Rule[] {
  const labels = 'variables.written.metadata.labels';
  const names = `[${suffixes.map((suffix) => `variables.instance + ${literal(suffix)}`).join(', ')}]`;
  return [
    {
      expression: "variables.former == null || variables.formerInstance != '' || variables.adopts",
      message: `the operator changes and deletes only objects whose controller is a ${kind}, and adopts only orphans of one`,
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
    ...(['annotations', 'labels'] as const).map((field) => ({
      expression: newKeysAre(field, `!${literal(powerfulKeys[field])}.exists(prefix, key.startsWith(prefix))`),
      message: `the operator sets no ${field} that give objects power elsewhere`,
    })),
  ];
}

/** What somebody else has set may stay. @param condition about `key` */
function newKeysAre(field: 'labels' | 'annotations', condition: string): string {
  const written = `variables.written.metadata.${field}`;
  return (
    `variables.written == null || !has(${written}) || ` +
    `${written}.all(key, ${condition} || ${isAsIn('kept', field)})`
  );
}

/** CEL: whether the value of `key` is as it was. */
function isAsIn(before: 'kept' | 'former', field: 'labels' | 'annotations'): string {
  const [written, former] = [`variables.written.metadata.${field}`, `variables.${before}.metadata.${field}`];
  return `variables.${before} != null && has(${former}) && ${former}[?key] == ${written}[?key]`;
}

const serviceAccountRules: Rule[] = [
  ...commonRules([agent]),
  {
    // Identities of clouds follow them. An orphan may have the one that OpenShift sets.
    expression: newKeysAre(
      'annotations',
      `key == ${literal(appliedAnnotation)} || ` +
        `key == ${literal(openShiftPullSecret.annotation)} && ${isAsIn('former', 'annotations')}`,
    ),
    message: `the operator sets no annotation of a ServiceAccount but ${appliedAnnotation}`,
  },
  {
    expression:
      'variables.written == null || ' +
      `${notMounted('variables.written')} || variables.kept != null && !${notMounted('variables.kept')}`,
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
      'variables.kept != null && variables.written.spec.externalIPs == variables.kept.spec.?externalIPs.orValue([])',
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

/** A PodMonitor with everything that the spec of a NetExporter can set. */
const { podMetricsEndpoints, ...wholeMonitor } = podMonitorSpec('', {
  attachNodeMetadata: true,
  scrape: { interval: '30s', timeout: '10s', metricRelabelings: [{ action: 'keep', regex: '.*' }] },
});
const monitorFields = [...Object.keys(wholeMonitor), 'podMetricsEndpoints'];
const endpointFields = Object.keys(podMetricsEndpoints[0]!);

/** CEL: whether `r` is a relabeling that the chart declares, with or without the defaults of the definition. */
const isDeclaredRelabeling = [
  `r.all(field, field in ${literal([...Object.keys(possibleRelabelings[0]!), 'action'])})`,
  'r.?action.orValue("replace") == "replace"',
  `(${possibleRelabelings
    .map(
      ({ sourceLabels, targetLabel }) =>
        `r.?targetLabel.orValue("") == ${literal(targetLabel)} && ` +
        `r.?sourceLabels.orValue([]) == ${literal(sourceLabels)}`,
    )
    .join(' || ')})`,
].join(' && ');

/** CEL: whether `r` is a relabeling that only drops series or labels. */
const dropsOnly = [
  `r.all(field, field in ${literal(Object.keys(MetricRelabelingSchema.properties))})`,
  `r.?action.orValue("replace") in ${literal(metricRelabelingActions)}`,
].join(' && ');

/** @param condition about `e`, each endpoint */
const everyEndpoint = (condition: string) =>
  `!variables.writesSpec || variables.written.spec.podMetricsEndpoints.all(e, ${condition})`;

/** A scrape neither carries credentials nor leaves the NetExporter's pods, and rewrites no label of its series. */
const podMonitorRules: Rule[] = [
  ...commonRules([agent]),
  {
    expression:
      `!variables.writesSpec || ${selectsAgents('variables.written.spec.selector')} && ` +
      '!has(variables.written.spec.namespaceSelector)',
    message: `PodMonitors select the agents of their ${kind} and no other pods`,
  },
  {
    // What somebody else has set may stay.
    expression:
      '!variables.writesSpec || variables.written.spec.all(field, ' +
      `field in ${literal(monitorFields)} || variables.kept != null && ` +
      'variables.kept.spec[?field] == variables.written.spec[?field])',
    message: `the operator sets nothing of a PodMonitor but ${monitorFields.join(', ')}`,
  },
  {
    expression: everyEndpoint(`e.all(field, field in ${literal(endpointFields)})`),
    message: `PodMonitors set nothing of an endpoint but ${endpointFields.join(', ')}`,
  },
  {
    expression: everyEndpoint(
      Object.entries(scraped)
        .map(([field, value]) => `e.?${field}.orValue("") == ${literal(value)}`)
        .join(' && '),
    ),
    message: `PodMonitors have ${Object.values(scraped).join(' and ')} scraped`,
  },
  {
    // One of `__address__` would have Prometheus scrape anything.
    expression: everyEndpoint(absentOr('e.relabelings', `e.relabelings.all(r, ${isDeclaredRelabeling})`)),
    message: `PodMonitors set only the labels ${[...new Set(possibleRelabelings.map(({ targetLabel }) => targetLabel))].join(', ')}`,
  },
  {
    expression: everyEndpoint(
      [
        absentOr('e.interval', isScrapeInterval('e.interval')),
        absentOr(
          'e.scrapeTimeout',
          `has(e.interval) && ${isScrapeTimeout('e.scrapeTimeout')} && duration(e.scrapeTimeout) <= duration(e.interval)`,
        ),
      ].join(' && '),
    ),
    message: 'PodMonitors have agents scraped at intervals from 1s to 1h, with timeouts of at most the interval',
  },
  {
    expression: everyEndpoint(
      absentOr(
        'e.metricRelabelings',
        `e.metricRelabelings.size() <= ${maxMetricRelabelings} && e.metricRelabelings.all(r, ${dropsOnly})`,
      ),
    ),
    message: `PodMonitors relabel metrics only by the actions ${metricRelabelingActions.join(', ')}`,
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
  prometheusRules: [...commonRules([agent]), ...prometheusRuleRules],
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

/**
 * Whether a NetExporter becomes the controller of an orphan of its own: of an object without a controller that has the
 * labels which the operator gives the objects of this NetExporter.
 */
function isAdoption(): string {
  const [owners, labels] = ['ownerReferences', 'labels'].map((field) => `variables.former.metadata.${field}`);
  const wanted = Object.entries({ ...agentSelector(''), [managedByLabel]: managerName }).map(([key, value]) => {
    const expected = key === instanceLabel ? 'variables.instance' : literal(value);
    return `${labels}[?${literal(key)}].orValue("") == ${expected}`;
  });
  return [
    'variables.written != null && variables.former != null && variables.instance != ""',
    absentOr(owners!, `${owners}.all(owner, !owner.?controller.orValue(false))`),
    `has(${labels})`,
    ...wanted,
  ].join(' && ');
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
