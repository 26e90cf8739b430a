import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../base/clock.ts';
import type { EchoDropReason } from '../echo/echo-responder.ts';
import type { ScheduleEvents, SkipReason } from '../plan/schedule.ts';
import { RecentMaximum } from './recent-maximum.ts';

/** The metrics in which the agent tells about itself: its version, its settings, its schedule. */
export class AgentMetrics implements ScheduleEvents {
  readonly #clock: Clock;
  readonly #lag = new RecentMaximum();
  readonly #generation: Gauge;
  readonly #loaded: Gauge;
  readonly #loadErrors: Counter;
  readonly #lookupErrors: Counter;
  readonly #skipped: Counter;
  readonly #echoes: Counter;
  readonly #dropped: Counter;

  constructor(registry: Registry, version: string, clock: Clock, kernel: { readonly refusals: number } | undefined) {
    this.#clock = clock;
    const registers = [registry];
    new Gauge({
      name: 'net_exporter_build_info',
      help: 'The version of the agent. Always 1.',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1);
    this.#generation = new Gauge({
      name: 'net_exporter_settings_generation',
      help: 'Generation of the NetExporter whose settings are in effect, 0 while there are none.',
      registers,
    });
    this.#loaded = new Gauge({
      name: 'net_exporter_settings_last_load_successful',
      help: 'Whether the settings file was good when it last changed. While it is not, the settings before it stay in effect.',
      registers,
    });
    this.#loadErrors = new Counter({
      name: 'net_exporter_settings_load_error_total',
      help: 'Changes of the settings file after which it could not be used.',
      registers,
    });
    this.#lookupErrors = new Counter({
      name: 'net_exporter_peer_lookup_error_total',
      help: "Lookups of the agents' Service to which the DNS server gave no answer. The peers known before stay.",
      registers,
    });
    this.#skipped = new Counter({
      name: 'net_exporter_turns_skipped_total',
      help: 'Turns of probes that were left out: the one before was still running, or the process came too late to make them.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['running', 'late'] satisfies SkipReason[]) this.#skipped.inc({ reason }, 0);
    this.#echoes = new Counter({
      name: 'net_exporter_echo_answers_total',
      help: "Other agents' echo requests that were answered.",
      registers,
    });
    this.#dropped = new Counter({
      name: 'net_exporter_echo_dropped_total',
      help: 'Datagrams to the UDP echo that got no answer: no request of an agent, more than the rate allows, or an answer that the system did not send.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['foreign', 'rate', 'unsent'] satisfies EchoDropReason[]) this.#dropped.inc({ reason }, 0);
    new Counter({
      name: 'net_exporter_timing_refused_total',
      help: "Times that the kernel gave and that cannot be true, as when the system's clock was set in between.",
      registers,
      collect() {
        this.reset();
        this.inc(kernel?.refusals ?? 0);
      },
    });
    const lag = this.#lag;
    new Gauge({
      name: 'net_exporter_scheduler_lag_seconds',
      help: 'The longest that the schedule was held up within the last one to two minutes.',
      registers,
      collect() {
        this.set(lag.at(clock.monotonic()));
      },
    });
  }

  /** The settings of this generation are in effect. */
  settingsInEffect(generation: number): void {
    this.#generation.set(generation);
  }

  /** The settings file changed, and was good or was not. */
  settingsRead(good: boolean): void {
    this.#loaded.set(good ? 1 : 0);
    if (!good) this.#loadErrors.inc();
  }

  /** The agents' Service was looked up. */
  peersLookedUp(answered: boolean): void {
    if (!answered) this.#lookupErrors.inc();
  }

  /** Another agent's echo request was answered. */
  echoAnswered(): void {
    this.#echoes.inc();
  }

  /** What came to the UDP echo got no answer. */
  echoDropped(reason: EchoDropReason): void {
    this.#dropped.inc({ reason });
  }

  late(seconds: number): void {
    this.#lag.record(seconds, this.#clock.monotonic());
  }

  skipped(reason: SkipReason, turns: number): void {
    this.#skipped.inc({ reason }, turns);
  }
}
