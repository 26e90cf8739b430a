import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { agentLeftovers, agentObjects, agentRules, type ManifestObject } from '../../../../charts/agent/agent.ts';
import { operatorName, operatorPortName, operatorSelector } from '../../../../src/contract/operator-names.ts';
import type { NetExporterSpec } from '../../../../src/crd/net-exporter.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { parseSettings } from '../../../../src/protocol/settings.ts';
import { parseSyncAccess, type SyncAccess } from '../../../../src/protocol/sync-access.ts';
import { netExporter } from '../../operator/net-exporter-builder.ts';

// biome-ignore lint/suspicious/noExplicitAny: what is tested is the shape.
type Json = Record<string, any>;

function objectsOf(
  change?: (spec: NetExporterSpec) => void,
  { name, podMonitor = false, syncAccess }: { name?: string; podMonitor?: boolean; syncAccess?: SyncAccess } = {},
): ManifestObject[] {
  const resource = netExporter(change, name);
  const settings = settingsOf(resource, ['10.96.0.7']);
  return agentObjects(resource, { image: 'example.com/agent:1', settings, podMonitor, syncAccess });
}

function find(kind: string, objects: ManifestObject[]): Json {
  return objects.find((object) => object.kind === kind) as Json;
}

const template = (change?: (spec: NetExporterSpec) => void): Json => find('DaemonSet', objectsOf(change)).spec.template;

test('the defaults give exactly the objects of the golden file', () => {
  const golden = readFileSync(new URL('golden/agent.yaml', import.meta.url), 'utf8');
  assert.deepEqual(
    objectsOf(),
    parseAllDocuments(golden).map((document) => document.toJS()),
  );
});

test('the kubelet does not ask an agent that has just begun to start, and waits longer for a start than for an answer', () => {
  const [{ startupProbe, livenessProbe, readinessProbe }] = template().spec.containers;
  const { initialDelaySeconds, periodSeconds, failureThreshold, httpGet } = startupProbe;
  // The kubelet keeps the start of a container without fractions of a second, so the delay is up to a second shorter.
  assert.ok(initialDelaySeconds - 1 >= 1);
  assert.deepEqual(httpGet, readinessProbe.httpGet, 'whoever has started is ready');
  assert.ok(initialDelaySeconds + periodSeconds < readinessProbe.periodSeconds, 'not later than by a second try');
  const patience = failureThreshold * periodSeconds;
  assert.ok(patience > livenessProbe.failureThreshold * livenessProbe.periodSeconds, `${patience} s`);
});

test('no change of what is probed reaches the pods', () => {
  const before = template();
  const after = template((spec) => {
    spec.dns = { ...spec.dns, enabled: false, hosts: ['example.com.'], interval: '1m', timeout: '1s' };
    spec.network = { ...spec.network, enabled: false, peersPerAgent: 3, service: false };
    spec.network = { ...spec.network, protocols: ['UDP'], udp: { packets: 10, size: 1472 } };
    spec.ntp = { enabled: true, servers: ['ntp.example.com'], interval: '1m4s', timeout: '1s' };
    spec.dns = { ...spec.dns, service: { namespace: 'dns', name: 'dns' }, endpointsPerAgent: 5 };
    spec.health = { failureRatio: '1', latency: { dns: '1s', network: '1s' }, window: '1m', nodeEvents: true };
    spec.monitoring.networkPolicy = 'None';
  });
  assert.deepEqual(after, before);
});

test('the state, the settings and the largest log fit the default limit of ephemeral storage', () => {
  const mebibytes = (quantity: string) => Number(/^(\d+)Mi$/.exec(quantity)![1]);
  const { containers, volumes } = template().spec;
  const [directory] = volumes.flatMap(({ emptyDir }: Json) => emptyDir ?? []);
  const [settingsMap, log] = [1, 5 * 10];
  const limit = mebibytes(containers[0].resources.limits['ephemeral-storage']);
  assert.ok(mebibytes(directory.sizeLimit) + settingsMap + log <= limit);
});

test('the user’s parts of the pod arrive as they are, also fields newer than this code', () => {
  const podAntiAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'zone', matchLabelKeys: ['app'], fieldFromTheFuture: 1 },
    ],
  };
  const tolerations = [{ key: 'a', operator: 'Lt', value: '5', fieldFromTheFuture: { kept: true } }];
  const { spec } = template((change) => {
    change.agent.affinity = { podAntiAffinity };
    change.agent.tolerations = tolerations;
    change.agent.resources = { requests: { cpu: 0.1, 'example.com/device': '1' } };
  });
  assert.deepEqual(spec.affinity.podAntiAffinity, podAntiAffinity);
  assert.deepEqual(spec.tolerations, tolerations);
  assert.deepEqual(spec.containers[0].resources, { requests: { cpu: 0.1, 'example.com/device': '1' } });
});

test('labels, annotations, selector, priority and secrets are added, and none of ours is lost', () => {
  const { metadata, spec } = template(({ agent }) => {
    agent.podLabels = { team: 'net', 'app.kubernetes.io/name': 'other' };
    agent.podAnnotations = { note: 'x' };
    agent.nodeSelector = { disk: 'ssd' };
    agent.priorityClassName = '';
    agent.imagePullSecrets = [{ name: 'registry' }];
  });
  assert.equal(metadata.labels.team, 'net');
  assert.equal(metadata.labels['app.kubernetes.io/name'], 'net-exporter-agent');
  assert.equal(metadata.annotations.note, 'x');
  assert.deepEqual(spec.nodeSelector, { disk: 'ssd', 'kubernetes.io/os': 'linux' });
  assert.equal('priorityClassName' in spec, false);
  assert.deepEqual(spec.imagePullSecrets, [{ name: 'registry' }]);
});

test('service meshes leave the agents alone, unless labels and annotations of the spec say otherwise', () => {
  const { metadata } = template();
  assert.equal(metadata.labels['sidecar.istio.io/inject'], 'false');
  assert.equal(metadata.labels['istio.io/dataplane-mode'], 'none');
  assert.equal(metadata.labels['kuma.io/sidecar-injection'], 'disabled');
  assert.deepEqual(metadata.annotations, {
    'linkerd.io/inject': 'disabled',
    'consul.hashicorp.com/connect-inject': 'false',
  });
  const overridden = template(({ agent }) => {
    agent.podLabels = { 'sidecar.istio.io/inject': 'true' };
    agent.podAnnotations = { 'linkerd.io/inject': 'enabled' };
  }).metadata;
  assert.equal(overridden.labels['sidecar.istio.io/inject'], 'true');
  assert.equal(overridden.annotations['linkerd.io/inject'], 'enabled');
});

test('user and group are left to image and platform', () => {
  const { securityContext, containers } = template().spec;
  assert.deepEqual(securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  assert.equal(JSON.stringify(containers).includes('runAsUser'), false);
});

test('a Service exists only if agents dial it; otherwise it is a leftover', () => {
  const names = (change: (spec: NetExporterSpec) => void) =>
    objectsOf(change).flatMap(({ kind, metadata }) => (kind === 'Service' ? [metadata.name] : []));
  const changes: ((spec: NetExporterSpec) => void)[] = [
    ({ network }) => {
      network.service = false;
    },
    ({ network }) => {
      network.enabled = false;
    },
  ];
  for (const change of changes) {
    assert.deepEqual(names(change), ['default-agent-peers']);
    assert.deepEqual(agentLeftovers(netExporter(change)), [
      { apiVersion: 'v1', kind: 'Service', name: 'default-agent' },
    ]);
  }
  assert.deepEqual(
    names(() => {}),
    ['default-agent', 'default-agent-peers'],
  );
});

test('the agents have a token that only the operator takes, readable and nowhere near those for the API server', () => {
  const { volumes, containers, automountServiceAccountToken } = template().spec;
  assert.equal(automountServiceAccountToken, false);
  const [{ volumeMounts, env, securityContext }] = containers;
  const { name, projected } = volumes.find((volume: Json) => volume.projected !== undefined);
  assert.deepEqual(projected.sources, [
    { serviceAccountToken: { audience: 'net-exporter', expirationSeconds: 3600, path: 'token' } },
  ]);
  const mount = volumeMounts.find((mount: Json) => mount.name === name);
  assert.deepEqual(mount, { name, mountPath: '/var/run/secrets/net-exporter', readOnly: true });
  const file = env.find((variable: Json) => variable.name === 'SYNC_TOKEN_FILE').value;
  assert.equal(file, `${mount.mountPath}/${projected.sources[0].serviceAccountToken.path}`);
  assert.equal(securityContext.runAsNonRoot, true);
});

test('the way to the operator is a file beside the settings, where there is one, and a change of it restarts no pod', () => {
  const syncAccess: SyncAccess = {
    version: 1,
    addresses: ['10.96.0.9:8443', '[fd00::9]:8443'],
    serverName: 'net-exporter-operator.net-exporter.dev',
    ca: '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n',
  };
  const [without, having] = [objectsOf(), objectsOf(undefined, { syncAccess })];
  const { data } = find('ConfigMap', having);
  assert.deepEqual(Object.keys(data), ['settings.json', 'sync.json']);
  assert.deepEqual(parseSyncAccess(data['sync.json']), syncAccess);
  assert.equal(parseSettings(data['settings.json']).resource.name, 'default');
  assert.deepEqual(Object.keys(find('ConfigMap', without).data), ['settings.json']);
  assert.deepEqual(find('DaemonSet', having), find('DaemonSet', without));
  const [{ env, volumeMounts }] = find('DaemonSet', having).spec.template.spec.containers;
  const { mountPath } = volumeMounts.find((mount: Json) => mount.name === 'settings');
  assert.equal(env.find((variable: Json) => variable.name === 'SYNC_ACCESS_FILE').value, `${mountPath}/sync.json`);
});

test('no tolerations and a number of unavailable agents are taken as such', () => {
  const daemonSet = find(
    'DaemonSet',
    objectsOf(({ agent }) => {
      agent.tolerations = [];
      agent.maxUnavailable = 2;
    }),
  );
  assert.equal('tolerations' in daemonSet.spec.template.spec, false);
  assert.equal(daemonSet.spec.updateStrategy.rollingUpdate.maxUnavailable, 2);
});

test('the port is the same everywhere', () => {
  const objects = objectsOf(({ agent }) => {
    agent.port = 9100;
  });
  const services = objects.filter(({ kind }) => kind === 'Service') as Json[];
  assert.deepEqual(
    services.map(({ spec }) => spec.ports[0].port),
    [9100, 9100],
  );
  assert.equal(services[1]!.metadata.annotations['prometheus.io/port'], '9100');
  const both = (field: string) => ['TCP', 'UDP'].map((protocol) => ({ protocol, [field]: 9100 }));
  const [container] = find('DaemonSet', objects).spec.template.spec.containers;
  assert.deepEqual(
    container.ports.map(({ name, ...port }: Json) => port),
    both('containerPort'),
  );
  assert.equal(container.env.find(({ name }: Json) => name === 'PORT').value, '9100');
});

test('without a NetworkPolicy the one that may be there is a leftover', () => {
  const none = (spec: NetExporterSpec) => {
    spec.monitoring.networkPolicy = 'None';
  };
  assert.equal(find('NetworkPolicy', objectsOf(none)), undefined);
  assert.deepEqual(agentLeftovers(netExporter(none)), [
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', name: 'default-agent' },
  ]);
  assert.deepEqual(agentLeftovers(netExporter()), []);
});

test('where there is a PodMonitor no annotation tells Prometheus to scrape the same agents again', () => {
  const annotated = (objects: ManifestObject[]) => JSON.stringify(objects).includes('prometheus.io/scrape');
  assert.equal(annotated(objectsOf()), true);
  assert.equal(annotated(objectsOf(undefined, { podMonitor: true })), false);
});

test('the PodMonitor selects the agents, carries the user’s labels and gives the labels of docs/prometheus.yml', () => {
  const monitor = find(
    'PodMonitor',
    objectsOf(
      ({ monitoring }) => {
        monitoring.labels = { release: 'prometheus' };
        monitoring.attachNodeMetadata = true;
      },
      { podMonitor: true },
    ),
  );
  assert.equal(monitor.apiVersion, 'monitoring.coreos.com/v1');
  assert.equal(monitor.metadata.labels.release, 'prometheus');
  assert.equal(monitor.metadata.labels['app.kubernetes.io/managed-by'], 'net-exporter-operator');
  const daemonSet = find('DaemonSet', objectsOf());
  assert.deepEqual(monitor.spec.selector, daemonSet.spec.selector);
  const [endpoint, ...more] = monitor.spec.podMetricsEndpoints;
  assert.deepEqual(more, []);
  const [port] = daemonSet.spec.template.spec.containers[0].ports;
  assert.deepEqual([endpoint.port, endpoint.path], [port.name, '/metrics']);

  const configuration = parse(readFileSync(new URL('../../../../docs/prometheus.yml', import.meta.url), 'utf8'));
  const documented = (configuration.scrape_configs[0].relabel_configs as Json[])
    .filter(({ target_label }) => ['netexporter', 'node', 'zone'].includes(target_label))
    .map(({ source_labels: [source], target_label }) => [target_label, source.replace('service_label', 'pod_label')]);
  assert.deepEqual(
    endpoint.relabelings.map(({ sourceLabels: [source], targetLabel }: Json) => [targetLabel, source]),
    documented,
  );
});

test('docs/prometheus.yml keeps the labels of the operator’s series, which are those of NetExporters', () => {
  const { scrape_configs } = parse(readFileSync(new URL('../../../../docs/prometheus.yml', import.meta.url), 'utf8'));
  const operator = scrape_configs.find(({ job_name }: Json) => job_name === operatorName) ?? {};
  assert.equal(operator.honor_labels, true);
  const kept = (operator.relabel_configs as Json[]).filter(({ action }) => action === 'keep').map(({ regex }) => regex);
  assert.deepEqual(kept, [operatorSelector['app.kubernetes.io/name'], operatorPortName]);
});

test('the PodMonitor of the defaults asks for no rights to nodes, and each field of the spec is in that of the golden file', () => {
  const golden = readFileSync(new URL('golden/pod-monitors.yaml', import.meta.url), 'utf8');
  const monitors = [undefined, everyField].map((change) => {
    const { metadata, ...monitor } = find('PodMonitor', objectsOf(change, { podMonitor: true }));
    return monitor;
  });
  assert.doesNotMatch(JSON.stringify(monitors[0]), /attachMetadata|__meta_kubernetes_node_/);
  assert.deepEqual(
    monitors,
    parseAllDocuments(golden).map((document) => document.toJS()),
  );
});

function everyField({ monitoring }: NetExporterSpec): void {
  monitoring.attachNodeMetadata = true;
  monitoring.scrape = {
    interval: '30s',
    timeout: '10s',
    metricRelabelings: [
      { action: 'drop', sourceLabels: ['__name__', 'host'], separator: '/', regex: 'dns_.*/example[.]com[.]' },
      { action: 'labeldrop', regex: 'peer_zone' },
    ],
  };
}

test('without a PodMonitor the one that may be there is a leftover', () => {
  const none = (spec: NetExporterSpec) => {
    spec.monitoring.podMonitor = 'None';
  };
  assert.equal(find('PodMonitor', objectsOf(none, { podMonitor: true })), undefined);
  assert.deepEqual(agentLeftovers(netExporter(none)), [
    { apiVersion: 'monitoring.coreos.com/v1', kind: 'PodMonitor', name: 'default-agent' },
  ]);
});

test('the PrometheusRule carries the user’s labels and the thresholds of the spec, and without one it is a leftover', () => {
  const [rule] = agentRules(
    netExporter(({ monitoring, health }) => {
      monitoring.labels = { release: 'prometheus' };
      health.latency.dns = '2s';
    }),
  ) as Json[];
  assert.deepEqual(
    [rule!.apiVersion, rule!.kind, rule!.metadata.name],
    ['monitoring.coreos.com/v1', 'PrometheusRule', 'default-agent'],
  );
  assert.equal(rule!.metadata.labels.release, 'prometheus');
  assert.equal(rule!.metadata.labels['app.kubernetes.io/managed-by'], 'net-exporter-operator');
  assert.equal(rule!.metadata.ownerReferences[0].kind, 'NetExporter');
  const slow = rule!.spec.groups
    .flatMap(({ rules }: Json) => rules)
    .find((r: Json) => r.alert === 'NetExporterDNSSlow');
  assert.match(slow.expr, / > 2$/m);
  const none = (spec: NetExporterSpec) => {
    spec.monitoring.prometheusRule = 'None';
  };
  assert.deepEqual(agentRules(netExporter(none)), []);
  assert.deepEqual(agentLeftovers(netExporter(none)), [
    { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', name: 'default-agent' },
  ]);
});

test('two NetExporters share no object and no pod', () => {
  const names = (name: string) =>
    objectsOf(undefined, { name }).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  assert.deepEqual(
    names('one').filter((name) => names('two').includes(name)),
    [],
  );
  const selectors = ['one', 'two'].map(
    (name) => find('DaemonSet', objectsOf(undefined, { name })).spec.selector.matchLabels,
  );
  assert.notDeepEqual(selectors[0], selectors[1]);
});
