import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { formatHostPort } from '../../src/base/host-port.ts';
import type { SuspectReason } from '../../src/contract/suspects.ts';
import { keyOfName } from '../../src/operator/judge/subjects.ts';
import type { Cleanups } from '../cluster/cleanups.ts';
import { getNetExporter } from '../e2e/agents.ts';
import { processesOf } from '../e2e/container-process.ts';
import { type DnsPod, dnsNamespace, dnsPodsOf, type FaultSite, type JudgedFault } from './fault-site.ts';
import { dropQueriesRules } from './packet-rules.ts';
import { applyRules, redirectQueries } from './rule-tables.ts';

const verdictSeconds = 45;
/** Where the substitute listens in a DNS pod. */
const substitutePort = 5353;
const slowMs = 400;
const absentHost = 'absent.default.svc.cluster.local.';

/** A fault of one DNS pod, while the others answer. */
function onDnsPod(
  name: string,
  reasons: readonly SuspectReason[],
  begin: (site: FaultSite, undo: Cleanups, pod: DnsPod) => Promise<void>,
): JudgedFault {
  return {
    name,
    verdictSeconds,
    inject: async (site, undo) => {
      const [pod] = site.choose(await dnsPodsOf(site), 1);
      await begin(site, undo, pod!);
      const address = pod!.addresses.find((ip) => !ip.includes(':')) ?? pod!.addresses[0]!;
      return { key: keyOfName('DNSServer', formatHostPort(address, 53)), reasons };
    },
  };
}

/** CoreDNS is stopped by SIGSTOP. The kubelet ends its container after less than a minute. */
export const frozenDns = onDnsPod('dns_frozen', ['Unreachable'], async ({ cluster }, undo, pod) => {
  const pids = await processesOf(cluster, dnsNamespace, pod.name, 'coredns');
  const signal = (name: NodeJS.Signals) => {
    for (const pid of pids) process.kill(pid, name);
  };
  undo.add(`CoreDNS in ${pod.name}`, async () => {
    // The kubelet may have ended it, and its number may be another process's.
    const now = await processesOf(cluster, dnsNamespace, pod.name, 'coredns').catch((): number[] => []);
    if (pids.every((pid) => now.includes(pid))) signal('SIGCONT');
  });
  signal('SIGSTOP');
});

/** Queries to a DNS pod are lost; it stays ready. */
export const droppedDns = onDnsPod('dns_dropped', ['Unreachable'], (site, undo, pod) =>
  applyRules(site, undo, pod.node, dropQueriesRules(pod.addresses)),
);

/** A DNS pod answers every query with SERVFAIL. */
export const failingDns = onDnsPod('dns_servfail', ['Errors'], (site, undo, pod) =>
  substitute(site, undo, pod, ['servfail']),
);

/** A DNS pod answers late. */
export const slowDns = onDnsPod('dns_slow', ['Slow'], (site, undo, pod) =>
  substitute(site, undo, pod, ['slow', `${slowMs}`]),
);

/** A name is looked up that does not exist. */
export const absentName: JudgedFault = {
  name: 'host_absent',
  verdictSeconds,
  inject: async ({ kubectl, namespace, name }, undo) => {
    const { hosts } = (await getNetExporter(kubectl, namespace, name)).spec.dns;
    const patch = (to: readonly string[]) => {
      const spec = JSON.stringify({ spec: { dns: { hosts: to } } });
      return kubectl(['patch', 'netexporter', '-n', namespace, name, '--type=merge', '-p', spec]);
    };
    undo.add(`hosts of ${namespace}/${name}`, () => patch(hosts));
    await patch([...hosts, absentHost]);
    return { key: keyOfName('Host', absentHost), reasons: ['Errors'] };
  },
};

/** Has another server answer the queries to a DNS pod, in the pod's own network. */
async function substitute(
  { cluster }: FaultSite,
  undo: Cleanups,
  pod: DnsPod,
  behaviour: readonly string[],
): Promise<void> {
  const netns = await cluster.podNetns(dnsNamespace, pod.name);
  const program = join(import.meta.dirname, 'dns-substitute-program.ts');
  const argv = [`--net=${netns}`, process.execPath, program, `${substitutePort}`, ...behaviour];
  const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  undo.add(`substitute for ${pod.name}`, async () => {
    child.stdin.end();
    await ended;
  });
  // It says when it listens.
  const first = await Promise.race([once(child.stdout, 'data'), ended.then(() => undefined)]);
  if (first === undefined) throw new Error(`the substitute for ${pod.name} ended`);
  await redirectQueries(undo, netns, substitutePort);
}
