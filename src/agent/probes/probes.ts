import { type DnsSubject, dnsProbe } from './dns/dns-probe.ts';
import { type NtpSubject, ntpProbe } from './ntp/ntp-probe.ts';
import type { AddressLookup } from './peer-lookup.ts';
import type { ProbeContext, ProbeResult } from './probe.ts';
import { tcpProbe } from './tcp/tcp-probe.ts';
import type { TcpSubject } from './tcp-dial.ts';
import { type UdpSubject, udpProbe } from './udp/udp-probe.ts';

/** What to probe, and by which probe. */
export type ProbeTask =
  | { probe: 'dns'; subject: DnsSubject }
  | { probe: 'network'; subject: ({ protocol: 'TCP' } & TcpSubject) | ({ protocol: 'UDP' } & UdpSubject) }
  | { probe: 'ntp'; subject: NtpSubject };

/** Takes one turn at a target with the probe that it is for; resolves and rejects as a `Probe` does. */
export type Attempt<Task extends ProbeTask = ProbeTask> = (task: Task, context: ProbeContext) => Promise<ProbeResult>;

/**
 * The probes in use, with what they remember: a new kind of task is a case here.
 * @param lookup for targets that are named, where the lookup is not what is measured
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
