/**
 * Upper edges of the histograms of round trips between agents, in seconds. Doubling below a millisecond, where round
 * trips inside a cluster are; 4 and 8 ms as in net-exporter's examples; 10 and 100 ms, the defaults of
 * `spec.health.latency`; then just above 1, 2 and 3 s, when Linux 6.5 and newer send a lost SYN again, so that a
 * handshake that needed one, two or three more lies in a bucket of its own.
 */
export const networkBuckets: readonly number[] = [
  0.00002, 0.00004, 0.00008, 0.00016, 0.00032, 0.00064, 0.0015, 0.004, 0.008, 0.01, 0.03, 0.1, 1.05, 2.1, 3.2, 5,
];

/**
 * The same for answers of DNS and time servers. None comes within 40 µs, and a slow server takes hundreds of
 * milliseconds.
 */
export const serverBuckets: readonly number[] = [
  0.00008, 0.00016, 0.00032, 0.00064, 0.0015, 0.004, 0.008, 0.01, 0.03, 0.1, 0.25, 0.5, 1.05, 2.1, 3.2, 5,
];

/** Upper edges of the histogram of how long UDP echo requests wait for the responder, in seconds. */
export const dwellBuckets: readonly number[] = [0.00005, 0.0001, 0.00032, 0.001, 0.004, 0.01, 0.1, 1];
