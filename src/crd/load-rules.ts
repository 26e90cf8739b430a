import { probeLimits } from '../base/probe-limits.ts';
import { isDuration } from './probe-times.ts';
import type { ValidationRule } from './validation-rule.ts';

// Messages without numbers of the spec: the API server assumes that `string()` of a number may be of any length, so
// a messageExpression with it would exceed the cost budget of the whole CRD.

const { maxLookups, maxLookupsPerSecond, maxPacketsPerSecond } = probeLimits;

const hourMs = 3_600_000;

/** Number of lookups of an agent in each interval. `1 +` is the nameserver in resolv.conf. */
const lookups = (dns: string): string =>
  [
    `(size(${dns}.hosts) > 0 ? size(${dns}.hosts) : 1)`,
    `(1 + size(${dns}.servers) + ${dns}.endpointsPerAgent)`,
    `size(${dns}.protocols)`,
    `size(${dns}.recordTypes)`,
  ].join(' * ');

/**
 * True for a write that leaves the part as it is, so that an object stored before the rules stays writable. For most
 * writes the API server does the same on its own (KEP-4008), but before Kubernetes 1.33 not for those of the status.
 */
const sameDns = 'oldSelf.hasValue() && oldSelf.value() == self';

/** On `spec.dns`: bounds the series and the memory of an agent. */
export const lookupsWithinLimit: ValidationRule = {
  rule: `(${sameDns}) || !self.enabled || ${lookups('self')} <= ${maxLookups}`,
  message: `must not exceed ${maxLookups} lookups per agent: max(hosts, 1) × (1 + servers + endpointsPerAgent) × protocols × recordTypes; remove entries or reduce endpointsPerAgent`,
  fieldPath: '.hosts',
  optionalOldSelf: true,
};

/**
 * On `spec.dns`: bounds the load of an agent and its resolvers. Silent about malformed intervals, like all rules
 * here.
 */
export const lookupRateWithinLimit: ValidationRule = {
  rule: `(${sameDns}) || !self.enabled || !${isDuration('self.interval')} || ${lookups('self')} * 1000 <= ${maxLookupsPerSecond} * duration(self.interval).getMilliseconds()`,
  message: `must be at least 1s for every ${maxLookupsPerSecond} lookups per agent: max(hosts, 1) × (1 + servers + endpointsPerAgent) × protocols × recordTypes; set a longer interval or remove entries`,
  fieldPath: '.interval',
  optionalOldSelf: true,
};

const networkPackets = [
  "self.network.peersPerAgent * (('TCP' in self.network.protocols ? 1 : 0) + ('UDP' in self.network.protocols ? self.network.udp.packets : 0))",
  // A Service has at most one address of each IP family.
  '(self.network.service ? 2 : 0)',
].join(' + ');

/** Integers, because fractions of a packet per second add up to a limit only approximately. */
const perHour = (probe: string, packets: string): string => {
  const interval = `self.${probe}.interval`;
  const isValid = `self.${probe}.enabled && ${isDuration(interval)} && duration(${interval}) >= duration('1s')`;
  return `(${isValid} ? (${packets}) * ${hourMs} / duration(${interval}).getMilliseconds() : 0)`;
};

const packetsPerHour = [
  perHour('dns', lookups('self.dns')),
  perHour('network', networkPackets),
  perHour('ntp', 'size(self.ntp.servers)'),
].join(' + ');

const sameProbes = ['dns', 'network', 'ntp'].map((probe) => `oldSelf.value().${probe} == self.${probe}`).join(' && ');

/**
 * On `spec`: bounds the packets of an agent. An object that was stored before the rule may have all other parts of its
 * spec changed.
 */
export const packetRateWithinLimit: ValidationRule = {
  rule: `(oldSelf.hasValue() && ${sameProbes}) || ${packetsPerHour} <= ${maxPacketsPerSecond * 3600}`,
  message: `must not send more than ${maxPacketsPerSecond} packets per second and agent, over all DNS lookups, TCP dials, UDP echoes and NTP requests; set longer intervals, or reduce network.peersPerAgent or network.udp.packets`,
  optionalOldSelf: true,
};
