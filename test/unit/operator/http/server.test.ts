import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { httpRefusalCounter } from '../../../../src/listeners/http-refusal.ts';
import { WorkQueue } from '../../../../src/operator/controller/work-queue.ts';
import { OperatorServer } from '../../../../src/operator/http/server.ts';
import { OperatorMetrics } from '../../../../src/operator/metrics.ts';
import { FakeClock } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

const clock = new FakeClock();
const metrics = new OperatorMetrics('1.2.3');
const observe = metrics.controllerObserver('netexporter');
metrics.controllerObserver('netexporter-plan');
const queue = new WorkQueue({
  clock,
  random: () => 1,
  backoff: { baseMs: 100, maxMs: 1000 },
  observe: observe.queue,
});
metrics.watchQueue('netexporter', queue);
let leading = false;
metrics.watchLeadership('net-exporter-operator', () => leading);
let notices: string[] = [];
let why: string | undefined = 'waiting for the first list of pods';
const server = new OperatorServer({
  metrics: () => metrics.exposition(),
  unready: () => why,
  state: () => 'leading',
  notices: () => notices,
  refused: httpRefusalCounter(metrics.registry),
  clock,
  log: quietLog,
});
const port = await server.listen(0);
after(() => server.close());

const get = async (path: string) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
};

test('it is alive while it is not ready, and says what it waits for', async () => {
  assert.equal((await get('/healthz')).status, 200);
  const { status, body } = await get('/readyz');
  assert.deepEqual([status, body], [503, 'waiting for the first list of pods']);
  why = undefined;
  const ready = await get('/readyz');
  assert.deepEqual([ready.status, ready.body], [200, 'ok: leading']);
  notices = ['cannot process 1 of the pods: n/a'];
  assert.equal((await get('/readyz')).body, 'ok: leading\ncannot process 1 of the pods: n/a');
  notices = [];
  assert.equal((await get('/nowhere')).status, 404);
});

test('metrics have the names that users of controller-runtime know', async () => {
  observe.reconcile.started();
  observe.reconcile.panicked();
  metrics.watchFailed('pods');
  observe.reconcile.ended('error', 0.2);
  const request = { method: 'GET', host: '10.96.0.1:443', code: '200', seconds: 0.01 };
  metrics.requestObserver.answered(request);
  metrics.requestObserver.retried({ ...request, code: '429' });
  metrics.requestObserver.limited(request);
  queue.add('a');
  queue.add('b');
  await queue.next();
  clock.advance(3000);
  const { type, body } = await get('/metrics');
  assert.match(type!, /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'controller_runtime_reconcile_total{controller="netexporter",result="success"} 0',
    'controller_runtime_reconcile_total{controller="netexporter",result="error"} 1',
    'controller_runtime_reconcile_errors_total{controller="netexporter"} 1',
    'controller_runtime_reconcile_panics_total{controller="netexporter"} 1',
    'controller_runtime_reconcile_time_seconds_count{controller="netexporter"} 1',
    'controller_runtime_reconcile_total{controller="netexporter-plan",result="error"} 0',
    'controller_runtime_reconcile_panics_total{controller="netexporter-plan"} 0',
    'net_exporter_operator_watch_errors_total{resource="pods"} 1',
    ...[
      'endpointslices',
      'leases',
      'netexporters',
      'nodes',
      'podmonitors',
      'prometheusrules',
      'secrets',
      'services',
    ].map((resource) => `net_exporter_operator_watch_errors_total{resource="${resource}"} 0`),
    'controller_runtime_active_workers{controller="netexporter"} 0',
    'rest_client_requests_total{code="200",method="GET",host="10.96.0.1:443"} 1',
    'rest_client_request_duration_seconds_count{verb="GET",host="10.96.0.1:443"} 1',
    'rest_client_request_retries_total{code="429",verb="GET",host="10.96.0.1:443"} 1',
    'rest_client_rate_limiter_duration_seconds_count{verb="GET",host="10.96.0.1:443"} 1',
    'workqueue_adds_total{name="netexporter"} 2',
    'workqueue_depth{name="netexporter"} 1',
    'workqueue_unfinished_work_seconds{name="netexporter"} 3',
    'workqueue_longest_running_processor_seconds{name="netexporter"} 3',
    'net_exporter_build_info{version="1.2.3"} 1',
    'net_exporter_http_refused_total{reason="idle"} 0',
  ])
    assert.ok(body.split('\n').includes(line), `${line} is missing in\n${body}`);
  assert.match(body, /^process_resident_memory_bytes \d+$/m);
  assert.match(body, /^process_cpu_seconds_total [\d.]+$/m);
});

test('who leads is told at each scrape', async () => {
  clock.advance(1000);
  assert.match((await get('/metrics')).body, /^leader_election_master_status\{name="net-exporter-operator"\} 0$/m);
  leading = true;
  clock.advance(1000);
  assert.match((await get('/metrics')).body, /^leader_election_master_status\{name="net-exporter-operator"\} 1$/m);
});

test('a port that is taken or none is refused', async () => {
  const second = new OperatorServer({
    metrics: () => metrics.exposition(),
    unready: () => undefined,
    state: () => 'standby',
    notices: () => [],
    refused() {},
    clock,
    log: quietLog,
  });
  await assert.rejects(second.listen(port), { code: 'EADDRINUSE', port });
  await assert.rejects(second.listen(70_000), { code: 'ERR_SOCKET_BAD_PORT' });
});

test('without an API its paths are not found', async () => {
  for (const path of ['/api/v1/status', '/api/v1/report.txt', '/api/']) assert.equal((await get(path)).status, 404);
});
