import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiServer } from './api-server.ts';
import {
  type DaemonSet,
  podName,
  runningStatus,
  simulatedLabel,
  simulatedNode,
  simulatedPod,
} from './simulated-objects.ts';

/** How often changes are sent while pods churn, in milliseconds: as many a time as the rate asks for. */
const tickMs = 50;

/** How many pods are unready at a time while pods churn. */
const unreadyAtOnce = 50;

/**
 * Nodes, and agents' pods on them, that exist in the API server only. The controller manager and the scheduler have to
 * be stopped: they would evict pods of nodes without a kubelet, and with two cores making thousands of pods takes them
 * minutes. So pods, their status and the DaemonSet's status are written here as those would write them.
 */
export class SimulatedFleet {
  readonly #api: ApiServer;
  readonly #signal: AbortSignal;
  #size = 0;
  /** Numbers of the pods that are not ready. */
  readonly #unready = new Set<number>();

  constructor(api: ApiServer, signal: AbortSignal) {
    this.#api = api;
    this.#signal = signal;
  }

  /** How many nodes there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds nodes with a running pod of the DaemonSet each, until there are `size`. */
  async grow(size: number, daemonSet: DaemonSet): Promise<void> {
    const numbers = Array.from({ length: size - this.#size }, (_, index) => this.#size + index + 1);
    const add = async (number: number) => {
      await this.#api.send('POST', '/api/v1/nodes', simulatedNode(number));
      await this.addPod(daemonSet, number);
    };
    await this.#api.sendAll(numbers, add, this.#signal);
    this.#size = size;
    await this.reportDaemonSet(daemonSet);
  }

  /** Makes the running pod of a node. @returns its uid */
  async addPod(daemonSet: DaemonSet, number: number): Promise<string> {
    const pods = `/api/v1/namespaces/${daemonSet.metadata.namespace}/pods`;
    const pod = simulatedPod(daemonSet, number);
    const { metadata } = await this.#api.send<{ metadata: { uid: string } }>('POST', pods, pod);
    await this.#setReady(daemonSet, number, true);
    return metadata.uid;
  }

  /** Takes the pod of a node away at once. */
  async removePod(daemonSet: DaemonSet, number: number): Promise<void> {
    const { namespace } = daemonSet.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${podName(daemonSet, number)}`;
    await this.#api.send('DELETE', `${path}?gracePeriodSeconds=0`);
  }

  /** Writes the DaemonSet's status, as its controller does after its pods have changed. */
  async reportDaemonSet({ metadata }: DaemonSet): Promise<void> {
    const ready = this.#size - this.#unready.size;
    const status = {
      observedGeneration: metadata.generation,
      desiredNumberScheduled: this.#size,
      currentNumberScheduled: this.#size,
      updatedNumberScheduled: this.#size,
      numberMisscheduled: 0,
      numberReady: ready,
      numberAvailable: ready,
      numberUnavailable: this.#unready.size,
    };
    const path = `/apis/apps/v1/namespaces/${metadata.namespace}/daemonsets/${metadata.name}/status`;
    await this.#api.send('PATCH', path, { status });
  }

  /**
   * Turns pods unready, each for about a second, and ready again, at a steady rate, and reports the DaemonSet twice a
   * second.
   * @returns how many changes a second there were
   */
  async churn(daemonSet: DaemonSet, perSecond: number, seconds: number): Promise<number> {
    const started = performance.now();
    const underWay = new Set<Promise<void>>();
    let failure: unknown;
    let sent = 0;
    const track = (work: Promise<void>) => {
      const done = work
        .catch((error) => {
          failure ??= error;
        })
        .finally(() => underWay.delete(done));
      underWay.add(done);
    };
    let reportedMs = 0;
    for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - started) {
      for (; sent < (elapsed / 1000) * perSecond && underWay.size < perSecond; sent++) {
        const [longest] = this.#unready;
        if (longest !== undefined && this.#unready.size >= unreadyAtOnce)
          track(this.#setReady(daemonSet, longest, true));
        else track(this.#setReady(daemonSet, ((sent * 7) % this.#size) + 1, false));
      }
      if (elapsed - reportedMs >= 500) {
        reportedMs = elapsed;
        track(this.reportDaemonSet(daemonSet));
      }
      await sleep(tickMs, undefined, { signal: this.#signal });
      if (failure) throw failure;
    }
    await Promise.all(underWay);
    const rate = sent / ((performance.now() - started) / 1000);
    await this.#api.sendAll([...this.#unready], (number) => this.#setReady(daemonSet, number, true), this.#signal);
    await this.reportDaemonSet(daemonSet);
    return rate;
  }

  /** Takes all nodes and pods away. */
  async remove(namespace: string): Promise<void> {
    await this.#api.send('DELETE', `/api/v1/nodes?labelSelector=${simulatedLabel}`);
    await this.#api.send('DELETE', `/api/v1/namespaces/${namespace}/pods?gracePeriodSeconds=0`);
    this.#size = 0;
  }

  async #setReady(daemonSet: DaemonSet, number: number, ready: boolean): Promise<void> {
    if (ready) this.#unready.delete(number);
    else this.#unready.add(number);
    const { namespace } = daemonSet.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${podName(daemonSet, number)}/status`;
    await this.#api.send('PATCH', path, runningStatus(daemonSet, number, ready));
  }
}
