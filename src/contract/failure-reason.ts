/**
 * Why an attempt failed: values of the `reason` label of `dns_failures_total`, `network_failures_total` and
 * `ntp_failures_total`.
 */
export const failureReasons = [
  'timeout',
  'refused',
  'unreachable',
  'reset',
  'lost',
  'nxdomain',
  'servfail',
  'rcode',
  'nodata',
  'truncated',
  'malformed',
  'lookup',
  'unsynchronized',
  'kiss_of_death',
] as const;

export type FailureReason = (typeof failureReasons)[number];
