import { type DnsSubject, dnsProbe } from './dns/dns-probe.ts';
import { type NtpSubject, ntpProbe } from './ntp/ntp-probe.ts';
import type { AddressLookup } from './peer-lookup.ts';
import type { ProbeContext, ProbeResult } from './probe.ts';
import { tcpProbe } from './tcp/tcp-probe.ts';
import type { TcpSubject } from './tcp-dial.ts';
import { type UdpSubject, udpProbe } from './udp/udp-probe.ts';

/** What to probe, and with which probe. */
export type ProbeTask =
  | { probe: 'dns'; subject: DnsSubject }
  | { probe: 'network'; subject: ({ protocol: 'TCP' } & TcpSubject) | ({ protocol: 'UDP' } & UdpSubject) }
  | { probe: 'ntp'; subject: NtpSubject };

/** Runs one turn of the probe for a target. Resolves and rejects like a `Probe`. */
export type Attempt<Task extends ProbeTask = ProbeTask> = (task: Task, context: ProbeContext) => Promise<ProbeResult>;

/**
 * Creates the probes with their state. A new probe is a new case here.
 * @param lookup resolves named targets if the lookup is not part of the measurement
 */
export function newAttempt(lookup: AddressLookup): Attempt {
  const echo = udpProbe();
  const askNtp = ntpProbe(lookup);
  return (task, context) => {
    switch (task.probe) {
      case 'dns':
        return dnsProbe(task.subject, context);
      case 'network':
        return task.subject.protocol === 'UDP' ? echo(task.subject, context) : tcpProbe(task.subject, context);
      case 'ntp':
        return askNtp(task.subject, context);
    }
  };
}
