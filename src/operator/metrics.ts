import { Registry } from 'prom-client';
import { type ApiUse, apiUses } from '../contract/api-uses.ts';
import { eventMetrics } from '../contract/metrics/event-metrics.ts';
import { labelValues } from '../contract/metrics/metric.ts';
import {
  controllerMetrics,
  leaderMetrics,
  requestMetrics,
  runtimeMetrics,
  watchMetrics,
} from '../contract/metrics/operator-metrics.ts';
import { processMetrics } from '../contract/metrics/process-metrics.ts';
import { newCounter, newGauge, newHistogram } from '../metrics/declared.ts';
import { renderedPieces } from '../metrics/exposition.ts';
import { registerProcessMetrics } from '../metrics/process-metrics.ts';
import type { ReconcileObserver } from './controller/controller.ts';
import type { QueueObserver, WorkQueue } from './controller/work-queue.ts';
import { EventLoopLag } from './event-loop-lag.ts';
import type { DroppedEvents } from './events/dropped-events.ts';
import type { RequestObserver } from './kube/api-transport.ts';

/** The controllers, as labels have them. */
export type ControllerName = keyof typeof controllerMetrics.active.labels.controller.values;

/** Told about what one controller and its queue do. */
export interface ControllerObserver {
  queue: QueueObserver;
  reconcile: ReconcileObserver;
}

/** The operator's metrics, under the names that users of controller-runtime know. */
export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  readonly #reconciles = newCounter(controllerMetrics.reconciles, this.#registers);
  readonly #errors = newCounter(controllerMetrics.errors, this.#registers);
  readonly #panics = newCounter(controllerMetrics.panics, this.#registers);
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

  readonly #watchErrors = newCounter(watchMetrics.errors, this.#registers);
  readonly #queues = new Map<ControllerName, WorkQueue>();
  readonly #eventsDropped = newCounter(eventMetrics.dropped, this.#registers);

  readonly requestObserver: RequestObserver = {
    answered: ({ method, host, code, seconds }) => {
      this.#requests.inc({ code, method, host });
      this.#requestTime.observe({ verb: method, host }, seconds);
    },
    retried: ({ method, host, code }) => this.#requestRetries.inc({ code, verb: method, host }),
    limited: ({ method, host, seconds }) => this.#requestWaits.observe({ verb: method, host }, seconds),
  };

  /** Counts Events that are not written on their own. */
  readonly droppedEvents: DroppedEvents = (reason, count) => this.#eventsDropped.inc({ reason }, count);

  constructor(version: string) {
    newGauge(processMetrics.buildInfo, this.#registers).set({ version }, 1);
    const watched = Object.values<ApiUse>(apiUses).filter(({ verbs }) => verbs.includes('watch'));
    // A rate over a series needs the series before the first failure.
    for (const { plural } of watched) this.#watchErrors.inc({ resource: plural }, 0);
    for (const reason of labelValues(eventMetrics.dropped, 'reason')) this.droppedEvents(reason, 0);
    const queues = this.#queues;
    const gauges = [
      [controllerMetrics.depth, (queue: WorkQueue) => queue.depth],
      [controllerMetrics.unfinished, (queue: WorkQueue) => queue.underWay().reduce((sum, seconds) => sum + seconds, 0)],
      [controllerMetrics.longestRunning, (queue: WorkQueue) => Math.max(0, ...queue.underWay())],
    ] as const;
    for (const [declaration, read] of gauges)
      newGauge(declaration, this.#registers, function () {
        for (const [name, queue] of queues) this.set({ name }, read(queue));
      });
    registerProcessMetrics(this.registry);
    const lag = new EventLoopLag();
    newGauge(runtimeMetrics.eventLoopLag, this.#registers, function () {
      this.set(lag.seconds());
    });
  }

  /** All metrics, rendered piece by piece as they are read: there may be a hundred thousand series. */
  exposition(): { text: Iterable<string | Promise<string>>; contentType: string } {
    return { text: renderedPieces(this.registry), contentType: this.registry.contentType };
  }

  /** The series of one controller and its queue. @param controller the label `controller`, and `name` of the queue */
  controllerObserver(controller: ControllerName): ControllerObserver {
    const ofQueue = { name: controller };
    // A rate over a series needs the series before the first failure.
    for (const result of labelValues(controllerMetrics.reconciles, 'result'))
      this.#reconciles.inc({ controller, result }, 0);
    for (const counter of [this.#errors, this.#panics]) counter.inc({ controller }, 0);
    this.#active.set({ controller }, 0);
    for (const counter of [this.#adds, this.#retries]) counter.inc(ofQueue, 0);
    return {
      queue: {
        added: () => this.#adds.inc(ofQueue),
        retried: () => this.#retries.inc(ofQueue),
        taken: (seconds) => this.#queueTime.observe(ofQueue, seconds),
        finished: (seconds) => this.#workTime.observe(ofQueue, seconds),
      },
      reconcile: {
        started: () => this.#active.inc({ controller }),
        panicked: () => this.#panics.inc({ controller }),
        ended: (result, seconds) => {
          this.#active.dec({ controller });
          this.#reconciles.inc({ controller, result });
          this.#time.observe({ controller }, seconds);
          if (result === 'error') this.#errors.inc({ controller });
        },
      },
    };
  }

  /** Shows what is in the queue at the time of the scrape. @param name the controller's */
  watchQueue(name: ControllerName, queue: WorkQueue): void {
    this.#queues.set(name, queue);
  }

  /** Counts an object from a watch that could not be processed. @param resource plural */
  watchFailed(resource: string): void {
    this.#watchErrors.inc({ resource });
  }

  /** Shows who leads at the time of the scrape. @param name the Lease's */
  watchLeadership(name: string, isLeading: () => boolean): void {
    newGauge(leaderMetrics.status, this.#registers, function () {
      this.set({ name }, isLeading() ? 1 : 0);
    });
  }
}
