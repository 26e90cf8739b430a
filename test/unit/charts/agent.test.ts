import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { agentLeftovers, agentObjects, type ManifestObject } from '../../../charts/agent.ts';
import type { NetExporterSpec } from '../../../src/crd/net-exporter.ts';
import { settingsOf } from '../../../src/operator/net-exporter/settings-of.ts';
import { netExporter } from '../operator/net-exporter-builder.ts';

// biome-ignore lint/suspicious/noExplicitAny: what is tested is the shape.
type Json = Record<string, any>;

function objectsOf(change?: (spec: NetExporterSpec) => void, name?: string): ManifestObject[] {
  const resource = netExporter(change, name);
  return agentObjects(resource, { image: 'example.com/agent:1', settings: settingsOf(resource, ['10.96.0.7']) });
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

test('no change of what is probed reaches the pods', () => {
  const before = template();
  const after = template((spec) => {
    spec.dns = { ...spec.dns, enabled: false, hosts: ['example.com.'], interval: '1m', timeout: '1s' };
    spec.network = { ...spec.network, enabled: false, peersPerAgent: 3, service: false };
    spec.network = { ...spec.network, protocols: ['UDP'], udp: { packets: 10, size: 1472 } };
    spec.monitoring.networkPolicy = 'None';
  });
  assert.deepEqual(after, before);
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
  assert.deepEqual(metadata.annotations, { note: 'x' });
  assert.deepEqual(spec.nodeSelector, { disk: 'ssd', 'kubernetes.io/os': 'linux' });
  assert.equal('priorityClassName' in spec, false);
  assert.deepEqual(spec.imagePullSecrets, [{ name: 'registry' }]);
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
  assert.equal(find('NetworkPolicy', objects).spec.ingress[0].ports[0].port, 9100);
  const [container] = find('DaemonSet', objects).spec.template.spec.containers;
  assert.equal(container.ports[0].containerPort, 9100);
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

test('two NetExporters share no object and no pod', () => {
  const names = (name: string) => objectsOf(undefined, name).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  assert.deepEqual(
    names('one').filter((name) => names('two').includes(name)),
    [],
  );
  const selectors = ['one', 'two'].map(
    (name) => find('DaemonSet', objectsOf(undefined, name)).spec.selector.matchLabels,
  );
  assert.notDeepEqual(selectors[0], selectors[1]);
});
