/**
 * Upper bounds on what one agent probes. The schema refuses a spec that exceeds them, the operator plans no more than
 * them for objects stored before the rule, and the agent leaves out what exceeds them, whatever it is sent.
 */
export const probeLimits = {
  /** Number of DNS targets: names × servers × protocols × record types. */
  maxLookups: 1000,
  /** Lookups started per second. Each may ask every search domain of resolv.conf. */
  maxLookupsPerSecond: 100,
  /**
   * Packets per second over all probes: one for each DNS lookup, TCP dial and NTP request, and `network.udp.packets`
   * for each turn of UDP echoes.
   */
  maxPacketsPerSecond: 1000,
} as const;
