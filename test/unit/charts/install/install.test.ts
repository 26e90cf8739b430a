import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definition } from '../../../../charts/install/custom-resource-definition.ts';
import { installation } from '../../../../charts/install/install.ts';
import {
  operatorOwnPermissions,
  operatorPaths,
  operatorPermissions,
} from '../../../../charts/operator/operator-permissions.ts';
import { agentLabels } from '../../../../src/contract/agent-names.ts';
import { customResourceDefinition } from '../../../../src/crd/custom-resource-definition.ts';
import { defaultSpec } from '../../../../src/crd/net-exporter.ts';

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels: Record<string, string>; annotations?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: read field by field below
  [field: string]: any;
}

const objects = installation('1.2.3') as Manifest[];
const namespace = 'net-exporter-system';

function only(kind: string, name?: string): Manifest {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  assert.equal(found.length, 1, `one ${kind}`);
  return found[0]!;
}

const pod = only('Deployment').spec.template;
const [container] = pod.spec.containers;

test('the definition comes first, then the namespace, so that one apply is the whole installation', () => {
  assert.deepEqual(
    objects.slice(0, 2).map(({ kind }) => kind),
    ['CustomResourceDefinition', 'Namespace'],
  );
  assert.deepEqual(only('CustomResourceDefinition').spec, (customResourceDefinition() as Manifest).spec);
});

test('the class that agents have by default is installed, and is the highest that every cluster admits', () => {
  const { metadata, value, globalDefault, preemptionPolicy } = only('PriorityClass');
  assert.equal(metadata.name, defaultSpec().agent.priorityClassName);
  assert.deepEqual([value, globalDefault, preemptionPolicy], [1_000_000_000, false, undefined]);
  const alone = (definition() as Manifest[]).find(({ kind }) => kind === 'PriorityClass');
  assert.deepEqual({ ...alone, metadata: {} }, { ...only('PriorityClass'), metadata: {} });
  assert.equal(alone?.metadata.name, metadata.name, 'the definition alone brings it too');
});

test('everything that lives in a namespace lives in the operator’s own', () => {
  const clusterWide = [
    ...['CustomResourceDefinition', 'PriorityClass', 'Namespace', 'ClusterRole', 'ClusterRoleBinding'],
    ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
  ];
  for (const { kind, metadata } of objects)
    assert.equal(metadata.namespace, clusterWide.includes(kind) ? undefined : namespace, kind);
  assert.equal(only('Namespace').metadata.name, namespace);
});

test('names carry no hash: what refers to them by name, and upgrades, would miss them', () => {
  const own = objects.filter(({ kind }) => !['CustomResourceDefinition', 'Namespace'].includes(kind));
  assert.deepEqual([...new Set(own.map(({ metadata }) => metadata.name))].sort(), [
    'net-exporter-agent',
    'net-exporter-operator',
    'net-exporter-operator-sync',
    'net-exporter-view',
  ]);
});

test('the operator runs the image of its version and starts agents of the same', () => {
  assert.equal(container.image, 'ghcr.io/net-exporter/net-exporter-operator:1.2.3');
  assert.deepEqual(
    container.env.find(({ name }: { name: string }) => name === 'AGENT_IMAGE').value,
    'ghcr.io/net-exporter/net-exporter-agent:1.2.3',
  );
});

test('the operator’s pod fits the Pod Security standard that its namespace enforces', () => {
  assert.equal(only('Namespace').metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted');
  assert.equal(pod.spec.securityContext.runAsNonRoot, true);
  assert.deepEqual(pod.spec.securityContext.seccompProfile, { type: 'RuntimeDefault' });
  assert.equal(container.securityContext.allowPrivilegeEscalation, false);
  assert.deepEqual(container.securityContext.capabilities, { drop: ['ALL'] });
  assert.equal(container.securityContext.readOnlyRootFilesystem, true);
  assert.equal(pod.spec.volumes, undefined);
});

test('two operators run, apart where that is possible; one of them may go at any time', () => {
  const { replicas, strategy, selector, template } = only('Deployment').spec;
  assert.deepEqual([replicas, strategy.rollingUpdate], [2, { maxSurge: 1, maxUnavailable: 1 }]);
  const { affinity, topologySpreadConstraints } = template.spec;
  const [{ podAffinityTerm }] = affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution;
  assert.deepEqual(podAffinityTerm, { topologyKey: 'kubernetes.io/hostname', labelSelector: selector });
  assert.deepEqual(
    topologySpreadConstraints.map((spread: Record<string, unknown>) => [spread.topologyKey, spread.whenUnsatisfiable]),
    [
      ['kubernetes.io/hostname', 'ScheduleAnyway'],
      ['topology.kubernetes.io/zone', 'ScheduleAnyway'],
    ],
  );
  const budget = only('PodDisruptionBudget').spec;
  assert.deepEqual([budget.selector, budget.maxUnavailable], [selector, 1]);
});

test('the Deployment, the Service and the NetworkPolicy select the operator’s pods, and no agent’s', () => {
  const selectors = [
    only('Deployment').spec.selector.matchLabels,
    only('Service', 'net-exporter-operator').spec.selector,
    only('NetworkPolicy').spec.podSelector.matchLabels,
  ];
  for (const selector of selectors) {
    assert.equal(selector['app.kubernetes.io/name'], 'net-exporter-operator');
    for (const [label, value] of Object.entries(selector)) assert.equal(pod.metadata.labels[label], value);
  }
});

test('the port that is served is the one that is probed, scraped and let through', () => {
  const [port] = container.ports;
  assert.equal(container.env.find(({ name }: { name: string }) => name === 'PORT').value, String(port.containerPort));
  for (const probe of [container.livenessProbe, container.readinessProbe]) assert.equal(probe.httpGet.port, port.name);
  const service = only('Service', 'net-exporter-operator');
  assert.equal(service.spec.ports[0].targetPort, port.name);
  assert.equal(service.metadata.annotations?.['prometheus.io/port'], String(service.spec.ports[0].port));
  const [scrapes] = only('NetworkPolicy').spec.ingress;
  assert.deepEqual(scrapes, { ports: [{ protocol: 'TCP', port: port.containerPort }] });
});

test('agents of any namespace, and nobody else, reach the port for sync, by a Service whose endpoint the leader writes', () => {
  const port = container.ports.find(({ name }: { name: string }) => name === 'sync');
  const { selector, ports, ipFamilyPolicy } = only('Service', 'net-exporter-operator-sync').spec;
  assert.equal(selector, undefined);
  assert.equal(ipFamilyPolicy, 'PreferDualStack');
  assert.deepEqual(ports, [{ name: port.name, protocol: 'TCP', port: 8443, targetPort: port.containerPort }]);
  const [, sync, ...more] = only('NetworkPolicy').spec.ingress;
  assert.deepEqual(sync.ports, [{ protocol: 'TCP', port: port.containerPort }]);
  assert.deepEqual(more, []);
  const [from, ...others] = sync.from;
  assert.deepEqual(others, []);
  assert.deepEqual(from.namespaceSelector, {});
  const agents = agentLabels('any');
  for (const [label, value] of Object.entries(from.podSelector.matchLabels)) assert.equal(agents[label], value);
  const operators = pod.metadata.labels;
  assert.ok(Object.entries(from.podSelector.matchLabels).some(([label, value]) => operators[label] !== value));
  const address = container.env.find(({ name }: { name: string }) => name === 'POD_IP');
  assert.equal(address.valueFrom.fieldRef.fieldPath, 'status.podIP');
});

test('the operator may do what it says it does, by name, and nothing by wildcard', () => {
  const { rules } = only('ClusterRole', 'net-exporter-operator');
  assert.deepEqual(rules, [...operatorPermissions, operatorPaths]);
  assert.doesNotMatch(JSON.stringify(rules), /\*|escalate|impersonate|"bind"|secrets/);
  const binding = only('ClusterRoleBinding');
  assert.deepEqual(binding.subjects, [
    { kind: 'ServiceAccount', name: only('ServiceAccount').metadata.name, namespace },
  ]);
  assert.equal(binding.roleRef.name, 'net-exporter-operator');
  assert.equal(pod.spec.serviceAccountName, binding.subjects[0]?.name);
});

test('in its own namespace the operator may write the one Lease, Secret and EndpointSlice, and nothing else', () => {
  assert.deepEqual(only('Role').rules, operatorOwnPermissions);
  const slices = ['discovery.k8s.io'];
  const resourceNames = ['net-exporter-operator-sync'];
  assert.deepEqual(operatorOwnPermissions, [
    { apiGroups: slices, resources: ['endpointslices'], resourceNames, verbs: ['patch', 'delete'] },
    { apiGroups: slices, resources: ['endpointslices', 'endpointslices/restricted'], verbs: ['create'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames, verbs: ['list', 'watch', 'patch'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: ['net-exporter-operator'],
      verbs: ['get', 'list', 'watch', 'patch'],
    },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  ]);
  const { roleRef, subjects } = only('RoleBinding');
  assert.deepEqual([roleRef.kind, roleRef.name], ['Role', 'net-exporter-operator']);
  assert.deepEqual(subjects, only('ClusterRoleBinding').subjects);
  assert.doesNotMatch(JSON.stringify(operatorPermissions), /leases|secrets/);
  const written = operatorPermissions.filter(({ resources }) => resources.includes('endpointslices'));
  assert.deepEqual(
    written.map(({ verbs }) => verbs),
    [['list', 'watch']],
  );
});

test('only the operator’s own pod gets the token of its ServiceAccount', () => {
  assert.equal(only('ServiceAccount').automountServiceAccountToken, false);
  assert.equal(pod.spec.automountServiceAccountToken, true);
});

test('viewers of a namespace may view NetExporters; no role that ships lets anybody but the operator write', () => {
  const view = only('ClusterRole', 'net-exporter-view');
  assert.equal(view.metadata.labels['rbac.authorization.k8s.io/aggregate-to-view'], 'true');
  assert.deepEqual(view.rules, [
    { apiGroups: ['net-exporter.dev'], resources: ['netexporters'], verbs: ['get', 'list', 'watch'] },
  ]);
  assert.doesNotMatch(JSON.stringify(objects), /aggregate-to-(edit|admin)/);
});
