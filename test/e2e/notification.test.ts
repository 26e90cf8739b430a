import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ruleGroups } from '../../charts/monitoring/rules/rule-groups.ts';
import { everyNetExporter } from '../../charts/monitoring/rules/scope.ts';
import { judgementMetrics } from '../../src/contract/metrics/judgement-metrics.ts';
import { projectUrl } from '../../src/contract/project-links.ts';
import { fasterAlerts } from '../alerts/faster-rules.ts';
import { startWebhook, type Webhook } from '../alerts/webhook.ts';
import { Alertmanager } from '../cluster/alertmanager.ts';
import { Cleanups } from '../cluster/cleanups.ts';
import { Prometheus } from '../cluster/prometheus.ts';
import { waitFor } from '../cluster/wait.ts';
import { markdownDocuments } from '../unit/docs/markdown.ts';
import { deadline } from './environment.ts';

// From an exporter of this file's to a webhook, by a real Prometheus and a real Alertmanager. It needs no cluster.

const cleanups = new Cleanups();
const deadNodes = ['node-3', 'node-5'];
/** What the exporter says now. */
let suspects: readonly string[] = [];
let webhook: Webhook;

/** Divides the minute before an alert and the five minutes after it. */
const factor = 60;

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'net-exporter-notification-'));
  cleanups.add('folder', () => rm(directory, { recursive: true, force: true }));
  webhook = await startWebhook();
  cleanups.add('webhook', () => webhook[Symbol.asyncDispose]());
  const alertmanager = await Alertmanager.start(
    {
      directory,
      // Groups and inhibitions are those of kube-prometheus.
      configuration: {
        route: { receiver: 'webhook', group_by: ['namespace'], group_wait: '1s', group_interval: '1s' },
        receivers: [{ name: 'webhook', webhook_configs: [{ url: webhook.url, send_resolved: true }] }],
        inhibit_rules: [
          ['critical', 'warning|info'],
          ['warning', 'info'],
        ].map(([source, target]) => ({
          source_matchers: [`severity = ${source}`],
          target_matchers: [`severity =~ ${target}`],
          equal: ['namespace', 'alertname'],
        })),
      },
    },
    (line) => console.log(`# ${line}`),
  );
  cleanups.add('Alertmanager', () => alertmanager.stop());
  const prometheus = await Prometheus.start({
    directory,
    configuration: {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      scrape_configs: [
        {
          ...{ job_name: 'operator', honor_labels: true, relabel_configs: [] },
          static_configs: [{ targets: [await startExporter()] }],
        },
      ],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager.target] }] }] },
    },
    rules: { groups: fasterAlerts(ruleGroups(everyNetExporter()), factor, () => true) },
  });
  cleanups.add('Prometheus', () => prometheus.stop());
});

after(() => cleanups.run());

/** Serves a suspect for each dead node, as the operator does. @returns its `host:port` */
async function startExporter(): Promise<string> {
  const server = createServer((_, response) => {
    const of = 'namespace="monitoring",netexporter="default",kind="Node",reason="Unreachable"';
    const lines = suspects.map((name) => `${judgementMetrics.suspect.name}{${of},name="${name}"} 1\n`);
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(lines.join(''));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.add('exporter', () => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('two dead nodes are two entries of one notification, with text and a runbook that exists', async () => {
  suspects = deadNodes;
  const [notification] = await waitFor(
    'a notification',
    () => webhook.notifications.length > 0 && webhook.notifications,
    { timeout: deadline },
  );
  const { status, alerts } = notification!;
  assert.equal(status, 'firing');
  assert.deepEqual(alerts.map(({ labels }) => labels.name).sort(), deadNodes);
  for (const { labels, annotations } of alerts) {
    assert.deepEqual(
      { ...labels, name: undefined },
      {
        ...{ alertname: 'NetExporterSuspectNode', severity: 'warning', kind: 'Node', name: undefined },
        ...{ namespace: 'monitoring', netexporter: 'default' },
      },
    );
    const { summary, description, runbook_url } = annotations;
    assert.equal(summary, 'The network of a node is at fault.');
    assert.match(description!, new RegExp(`monitoring/default .* Node ${labels.name}\\.`));
    assertResolves(runbook_url!);
  }
});

test('the notification is resolved after the nodes are back', async () => {
  suspects = [];
  const resolved = await waitFor(
    'the end of both alerts',
    () => webhook.notifications.find(({ status }) => status === 'resolved'),
    { timeout: deadline },
  );
  assert.deepEqual(resolved.alerts.map(({ labels }) => labels.name).sort(), deadNodes);
  assert.ok(resolved.alerts.every(({ status }) => status === 'resolved'));
});

/** A link to a heading of a page that is in this checkout. */
function assertResolves(url: string): void {
  const [page = '', anchor = ''] = url.split('#');
  const path = page.replace(`${projectUrl}/blob/main/`, '');
  const document = markdownDocuments().find((file) => file.path === path);
  assert.ok(document?.anchors.has(anchor), `${url} leads nowhere`);
}
