import { Registry } from 'prom-client';
import { labelValues } from '../contract/metrics/metric.ts';
import {
  controllerMetrics,
  leaderMetrics,
  requestMetrics,
  runtimeMetrics,
} from '../contract/metrics/operator-metrics.ts';
import { processMetrics } from '../contract/metrics/process-metrics.ts';
import { newCounter, newGauge, newHistogram } from '../metrics/declared.ts';
import { registerProcessMetrics } from '../metrics/process-metrics.ts';
import type { ReconcileObserver } from './controller/controller.ts';
import type { QueueObserver, WorkQueue } from './controller/work-queue.ts';
import { EventLoopLag } from './event-loop-lag.ts';
import type { RequestObserver } from './kube/api-transport.ts';

/** The one controller and its queue, as labels have it. */
const controller = 'netexporter' satisfies keyof typeof controllerMetrics.active.labels.controller.values;

/** The operator's metrics, under the names that users of controller-runtime know. */
export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  readonly #reconciles = newCounter(controllerMetrics.reconciles, this.#registers);
  readonly #errors = newCounter(controllerMetrics.errors, this.#registers);
  readonly #time = newHistogram(controllerMetrics.time, this.#registers);
  readonly #active = newGauge(controllerMetrics.active, this.#registers);
  readonly #requests = newCounter(requestMetrics.requests, this.#registers);
  readonly #requestTime = newHistogram(requestMetrics.time, this.#registers);
  readonly #requestRetries = newCounter(requestMetrics.retries, this.#registers);
  readonly #requestWaits = newHistogram(requestMetrics.waits, this.#registers);
  readonly #adds = newCounter(controllerMetrics.adds, this.#registers);
  readonly #retries = newCounter(controllerMetrics.retries, this.#registers);
  readonly #queueTime = newHistogram(controllerMetrics.queueTime, this.#registers);
  readonly #workTime = newHistogram(controllerMetrics.workTime, this.#registers);

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
    newGauge(processMetrics.buildInfo, this.#registers).set({ version }, 1);
    // A rate over a series needs the series before the first failure.
    for (const result of labelValues(controllerMetrics.reconciles, 'result'))
      this.#reconciles.inc({ controller, result }, 0);
    this.#errors.inc({ controller }, 0);
    this.#active.set({ controller }, 0);
    this.#adds.inc({ name: controller }, 0);
    this.#retries.inc({ name: controller }, 0);
    registerProcessMetrics(this.registry);
    const lag = new EventLoopLag();
    newGauge(runtimeMetrics.eventLoopLag, this.#registers, function () {
      this.set(lag.seconds());
    });
  }

  /** Shows what is in the queue at the time of the scrape. */
  watchQueue(queue: WorkQueue): void {
    const gauges = [
      [controllerMetrics.depth, () => queue.depth],
      [controllerMetrics.unfinished, () => queue.underWay().reduce((sum, seconds) => sum + seconds, 0)],
      [controllerMetrics.longestRunning, () => Math.max(0, ...queue.underWay())],
    ] as const;
    for (const [declaration, read] of gauges)
      newGauge(declaration, this.#registers, function () {
        this.set({ name: controller }, read());
      });
  }

  /** Shows who leads at the time of the scrape. @param name the Lease's */
  watchLeadership(name: string, isLeading: () => boolean): void {
    newGauge(leaderMetrics.status, this.#registers, function () {
      this.set({ name }, isLeading() ? 1 : 0);
    });
  }
}
