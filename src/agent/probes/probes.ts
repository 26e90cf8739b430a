import type { Target } from '../plan/targets.ts';
import { dnsProbe } from './dns/dns-probe.ts';
import { ntpProbe } from './ntp/ntp-probe.ts';
import type { AddressLookup } from './peer-lookup.ts';
import type { ProbeContext, ProbeResult } from './probe.ts';
import { tcpProbe } from './tcp/tcp-probe.ts';
import { udpProbe } from './udp/udp-probe.ts';

/** Takes one turn at a target with the probe that it is for; resolves and rejects as a `Probe` does. */
export type Attempt = (target: Target, context: ProbeContext) => Promise<ProbeResult>;

/**
 * The probes in use, with what they remember: a new kind of target is a case here.
 * @param lookup for targets that are named, where the lookup is not what is measured
 */
export function newAttempt(lookup: AddressLookup): Attempt {
  const echo = udpProbe();
  const askNtp = ntpProbe(lookup);
  return (target, context) => {
    switch (target.probe) {
      case 'dns':
        return dnsProbe(target.subject, context);
      case 'network':
        return target.subject.protocol === 'UDP' ? echo(target.subject, context) : tcpProbe(target.subject, context);
      case 'ntp':
        return askNtp(target.subject, context);
    }
  };
}
