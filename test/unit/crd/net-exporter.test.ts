import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { defaultSpec, NetExporterSpecSchema } from '../../../src/crd/net-exporter.ts';
import type { SchemaNode } from '../../../src/crd/schema-node.ts';
import { schemaFields } from './schema-fields.ts';

test('the defaults are those that the documentation promises', () => {
  assert.deepEqual(defaultSpec(), {
    agent: {
      image: '',
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [],
      port: 8000,
      resources: {
        requests: { cpu: '10m', memory: '32Mi', 'ephemeral-storage': '16Mi' },
        limits: { memory: '128Mi', 'ephemeral-storage': '64Mi' },
      },
      nodeSelector: {},
      tolerations: [{ operator: 'Exists' }],
      affinity: {},
      priorityClassName: 'net-exporter-agent',
      maxUnavailable: '10%',
      podLabels: {},
      podAnnotations: {},
    },
    dns: {
      enabled: true,
      hosts: [],
      protocols: ['UDP', 'TCP'],
      recordTypes: ['A'],
      servers: [],
      service: { namespace: 'kube-system', name: '' },
      endpointsPerAgent: 2,
      interval: '10s',
      timeout: '5s',
    },
    network: {
      enabled: true,
      peersPerAgent: 10,
      protocols: ['TCP'],
      udp: { packets: 3, size: 64 },
      service: true,
      interval: '10s',
      timeout: '5s',
    },
    ntp: { enabled: false, servers: [], interval: '60s', timeout: '5s' },
    health: { failureRatio: '0.05', latency: { dns: '100ms', network: '10ms' }, window: '2m', nodeEvents: false },
    monitoring: {
      podMonitor: 'Auto',
      prometheusRule: 'Auto',
      labels: {},
      attachNodeMetadata: false,
      scrape: { interval: '', timeout: '', metricRelabelings: [] },
      networkPolicy: 'Ingress',
    },
  });
});

test('every default satisfies its own schema', () => {
  for (const { path, node } of schemaFields(NetExporterSpecSchema as unknown as SchemaNode, 'spec'))
    if (node.default !== undefined) assert.ok(Check(node as object, node.default), path);
});

test('an object’s default is made of its fields’ defaults, so that an empty object and an absent one come out alike', () => {
  for (const { path, node } of schemaFields(NetExporterSpecSchema as unknown as SchemaNode, 'spec')) {
    const fields = Object.entries(node.properties ?? {});
    if (node.default === undefined || !fields.some(([, field]) => field.default !== undefined)) continue;
    assert.deepEqual(node.default, Object.fromEntries(fields.map(([name, field]) => [name, field.default])), path);
  }
});

test('a change to the defaults that one caller got does not reach the next', () => {
  defaultSpec().dns.hosts.push('example.com');
  defaultSpec().agent.tolerations.length = 0;
  assert.deepEqual(defaultSpec().dns.hosts, []);
  assert.equal(defaultSpec().agent.tolerations.length, 1);
});
