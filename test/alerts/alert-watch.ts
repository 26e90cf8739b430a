import { rm } from 'node:fs/promises';
import type { RuleGroup } from '../../charts/monitoring/rules/rule.ts';
import { ownedDirectory } from '../cluster/owned-name.ts';
import { documentedConfiguration, Prometheus } from '../cluster/prometheus.ts';
import { TimeoutError, waitFor } from '../cluster/wait.ts';
import { type AlertTime, alertTimes } from './alert-history.ts';

/** How often rules are evaluated and targets scraped, in seconds. */
const evaluationSeconds = 5;
/** An alert whose last sample is older is over. */
const goneSeconds = 2.5 * evaluationSeconds;

/** A Prometheus of its own that evaluates rules, and what alerts there were. */
export class AlertWatch implements AsyncDisposable {
  readonly prometheus: Prometheus;
  readonly #directory: string;
  readonly #startedAt = Date.now();

  private constructor(prometheus: Prometheus, directory: string) {
    this.prometheus = prometheus;
    this.#directory = directory;
  }

  /** Starts it with docs/prometheus.yml and these rules. */
  static async start(kubeconfig: string, groups: readonly RuleGroup[]): Promise<AlertWatch> {
    const directory = ownedDirectory('alerts');
    const configuration = await documentedConfiguration(kubeconfig, evaluationSeconds);
    configuration.global.evaluation_interval = `${evaluationSeconds}s`;
    const rules = { groups: [...groups] };
    return new AlertWatch(await Prometheus.start({ directory, configuration, rules }), directory);
  }

  /** All alerts since it was started, in the order in which they began. */
  async times(): Promise<AlertTime[]> {
    return this.#within((Date.now() - this.#startedAt) / 1000);
  }

  /** Alerts that fire now. */
  async firing(): Promise<AlertTime[]> {
    const now = Date.now() / 1000;
    const lately = await this.#within(goneSeconds);
    return lately.filter(({ state, until }) => state === 'firing' && now - until < goneSeconds);
  }

  /**
   * Waits until what fires is so.
   * @param seconds at most
   * @returns whether it came true
   */
  async until(isSo: (firing: AlertTime[]) => boolean, seconds: number, signal?: AbortSignal): Promise<boolean> {
    const firing = async () => isSo(await this.firing());
    try {
      return await waitFor('alerts', firing, { timeout: seconds * 1000, interval: 1000, signal });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      return false;
    }
  }

  #within(seconds: number): Promise<AlertTime[]> {
    return alertTimes(this.prometheus, seconds + 60, evaluationSeconds);
  }

  /** Ends Prometheus, and removes what it has kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.prometheus.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
