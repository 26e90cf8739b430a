import { dnsProbe } from './dns-probe.ts';
import type { ProbeContext, ProbeResult } from './probe.ts';
import type { Target } from './targets.ts';
import { tcpProbe } from './tcp-probe.ts';

/** Takes one turn at a target with the probe that it is for; resolves and rejects as a `Probe` does. */
export type Attempt = (target: Target, context: ProbeContext) => Promise<ProbeResult>;

/** The probes in use: a new kind of target is a case here. */
export const attempt: Attempt = (target, context) => {
  switch (target.probe) {
    case 'dns':
      return dnsProbe(target.subject, context);
    case 'network':
      return tcpProbe(target.subject, context);
  }
};
