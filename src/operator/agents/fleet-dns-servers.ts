import type { Clock } from '../../base/clock.ts';

/** Agents report the last results of a server that they no longer ask for so long at most, in milliseconds. */
const rememberedMs = 3_600_000;

/** Maximum number of servers that are remembered; the oldest ones are forgotten. */
const maxRemembered = 1024;

/** DNS servers in the plan of a NetExporter's agents, and those that were in it until a while ago. */
export class FleetDnsServers {
  readonly #clock: Clock;
  /** When each was retired, in monotonic milliseconds; the first one first. */
  readonly #retiredAt = new Map<string, number>();
  #servers: ReadonlySet<string> = new Set();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** These are in the plan from now on, and no others, each as `ip:port`. */
  plan(servers: Iterable<string>): void {
    const now = this.#clock.monotonic();
    const next = new Set(servers);
    for (const server of this.#servers) if (!next.has(server)) this.#retiredAt.set(server, now);
    for (const server of next) this.#retiredAt.delete(server);
    for (const [server, at] of this.#retiredAt)
      if (now - at >= rememberedMs || this.#retiredAt.size > maxRemembered) this.#retiredAt.delete(server);
    this.#servers = next;
  }

  /** Whether it is in the plan of some agent, or may be. */
  isCurrent(server: string): boolean {
    return this.#servers.has(server);
  }

  /** Whether it was in the plan, and has not been for less than this time, in milliseconds. */
  isRetired(server: string, withinMs = rememberedMs): boolean {
    const at = this.#retiredAt.get(server);
    return at !== undefined && this.#clock.monotonic() - at < withinMs;
  }
}
