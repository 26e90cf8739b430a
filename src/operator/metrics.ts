import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { processStartMs } from '../base/clock.ts';
import type { ReconcileObserver } from './controller/controller.ts';
import type { QueueObserver, WorkQueue } from './controller/work-queue.ts';
import type { RequestObserver } from './kube/api-transport.ts';

/** The one controller and its queue, as labels have it. */
const controller = 'netexporter';

const requestSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const reconcileSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** As in client-go: from 10 ns by powers of ten. */
const queueSeconds = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 1000];

/** The operator's metrics, under the names that users of controller-runtime know. */
export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #reconciles = this.#counter(
    'controller_runtime_reconcile_total',
    'Reconciles by result: success, requeue_after or error.',
    ['controller', 'result'],
  );
  readonly #errors = this.#counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed.', [
    'controller',
  ]);
  readonly #time = this.#histogram(
    'controller_runtime_reconcile_time_seconds',
    'How long reconciles take.',
    ['controller'],
    reconcileSeconds,
  );
  readonly #active = this.#gauge('controller_runtime_active_workers', 'Workers that reconcile at present.', [
    'controller',
  ]);
  readonly #requests = this.#counter(
    'rest_client_requests_total',
    'Requests to the API server by method and HTTP status (<error>: no answer).',
    ['code', 'method', 'host'],
  );
  readonly #requestTime = this.#histogram(
    'rest_client_request_duration_seconds',
    'Time until the API server’s answer begins.',
    ['verb', 'host'],
    requestSeconds,
  );
  readonly #requestRetries = this.#counter(
    'rest_client_request_retries_total',
    'Requests sent again because the API server asked for it, by the status it asked with.',
    ['code', 'verb', 'host'],
  );
  readonly #requestWaits = this.#histogram(
    'rest_client_rate_limiter_duration_seconds',
    'How long the operator’s own rate limit held requests up.',
    ['verb', 'host'],
    requestSeconds,
  );
  readonly #adds = this.#counter('workqueue_adds_total', 'Keys added to the queue.', ['name']);
  readonly #retries = this.#counter('workqueue_retries_total', 'Keys that are tried again after a failure.', ['name']);
  readonly #queueTime = this.#histogram(
    'workqueue_queue_duration_seconds',
    'How long a key waits for a worker.',
    ['name'],
    queueSeconds,
  );
  readonly #workTime = this.#histogram(
    'workqueue_work_duration_seconds',
    'How long a worker has a key.',
    ['name'],
    queueSeconds,
  );

  readonly reconcileObserver: ReconcileObserver = {
    started: () => this.#active.inc({ controller }),
    ended: (result, seconds) => {
      this.#active.dec({ controller });
      this.#reconciles.inc({ controller, result });
      this.#time.observe({ controller }, seconds);
      if (result === 'error') this.#errors.inc({ controller });
    },
  };

  readonly queueObserver: QueueObserver = {
    added: () => this.#adds.inc({ name: controller }),
    retried: () => this.#retries.inc({ name: controller }),
    taken: (seconds) => this.#queueTime.observe({ name: controller }, seconds),
    finished: (seconds) => this.#workTime.observe({ name: controller }, seconds),
  };

  readonly requestObserver: RequestObserver = {
    answered: ({ method, host, code, seconds }) => {
      this.#requests.inc({ code, method, host });
      this.#requestTime.observe({ verb: method, host }, seconds);
    },
    retried: ({ method, host, code }) => this.#requestRetries.inc({ code, verb: method, host }),
    limited: ({ method, host, seconds }) => this.#requestWaits.observe({ verb: method, host }, seconds),
  };

  constructor(version: string) {
    this.#gauge('net_exporter_build_info', 'The operator’s version; always 1.', ['version']).set({ version }, 1);
    // A rate over a series needs the series before the first failure.
    for (const result of ['success', 'requeue_after', 'error']) this.#reconciles.inc({ controller, result }, 0);
    this.#errors.inc({ controller }, 0);
    this.#active.set({ controller }, 0);
    this.#adds.inc({ name: controller }, 0);
    this.#retries.inc({ name: controller }, 0);
    this.#processMetrics();
  }

  /** Shows what is in the queue at the time of the scrape. */
  watchQueue(queue: WorkQueue): void {
    this.#measured('workqueue_depth', 'Keys that wait for a worker.', ['name'], () => queue.depth);
    this.#measured('workqueue_unfinished_work_seconds', 'Time spent so far on keys under way.', ['name'], () =>
      queue.underWay().reduce((sum, seconds) => sum + seconds, 0),
    );
    this.#measured('workqueue_longest_running_processor_seconds', 'The longest time so far on one key.', ['name'], () =>
      Math.max(0, ...queue.underWay()),
    );
  }

  /** Shows who leads at the time of the scrape. @param name the Lease's */
  watchLeadership(name: string, isLeading: () => boolean): void {
    const help = 'Whether this operator holds the lease of this name: 1, or 0.';
    this.#measured('leader_election_master_status', help, ['name'], () => (isLeading() ? 1 : 0), name);
  }

  /** The few of prom-client's default metrics that dashboards use; all of them would be 64 series. */
  #processMetrics(): void {
    this.#measured(
      'process_start_time_seconds',
      'When the process started, in seconds since the epoch.',
      [],
      () => processStartMs / 1000,
    );
    this.#measured('process_resident_memory_bytes', 'Memory in RAM.', [], () => process.memoryUsage.rss());
    let counted = 0;
    const cpu = new Counter({
      name: 'process_cpu_seconds_total',
      help: 'CPU time, user and system.',
      registers: [this.registry],
      collect() {
        const { user, system } = process.cpuUsage();
        const seconds = (user + system) / 1e6;
        cpu.inc(seconds - counted);
        counted = seconds;
      },
    });
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<L extends string>(name: string, help: string, labelNames: L[], buckets: number[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }

  /** A gauge that is read when it is scraped. */
  #measured(name: string, help: string, labelNames: 'name'[], read: () => number, of = controller): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.set(labelNames.length === 0 ? {} : { name: of }, read());
      },
    });
  }
}
