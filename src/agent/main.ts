import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import packageJson from '../../package.json' with { type: 'json' };
import { systemClock } from '../base/clock.ts';
import { withoutSecrets } from '../base/redaction.ts';
import { clusterDomain, parseResolvConf } from '../base/resolv-conf.ts';
import { tickClock } from '../base/tick-clock.ts';
import { endOnUnhandledErrors } from '../base/unhandled-errors.ts';
import { httpRefusalCounter } from '../listeners/http-refusal.ts';
import { agentHttpLimits, sendBufferBytes } from '../listeners/listener-limits.ts';
import { renderRegistry } from '../metrics/exposition.ts';
import { registerProcessMetrics } from '../metrics/process-metrics.ts';
import { maxSettingsBytes, parseSettings } from '../protocol/settings.ts';
import { maxSyncAccessBytes, parseSyncAccess } from '../protocol/sync-access.ts';
import { Agent } from './agent.ts';
import { EchoResponder } from './echo/echo-responder.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { AgentServer } from './http/server.ts';
import { openKernel } from './kernel/linux-kernel.ts';
import { jsonLog } from './log.ts';
import { AgentMetrics } from './metrics/agent-metrics.ts';
import { ProbeMetrics } from './metrics/probe-metrics.ts';
import { SyncMetrics } from './metrics/sync-metrics.ts';
import type { ResolverConfiguration } from './plan/targets.ts';
import { addressLookup } from './probes/peer-lookup.ts';
import { newAttempt } from './probes/probes.ts';
import { UdpSockets } from './probes/udp-sockets.ts';
import { ShutdownGrace } from './shutdown-grace.ts';
import { MountedFile } from './sources/mounted-file.ts';
import { StateCache } from './sources/state-cache.ts';
import { OperatorConnection } from './sync/operator-connection.ts';

/** Timeout of one try at one nameserver in a peer lookup, in milliseconds. */
const lookupTimeoutMs = 2000;

/** Time after which a connection on which nothing was sent is accepted, in seconds. */
const silentSeconds = 1;

/** Cluster domain if resolv.conf does not show it: the default of kubeadm and most distributions. */
const usualClusterDomain = 'cluster.local';

const { version } = packageJson;
const log = jsonLog((line) => process.stdout.write(line), systemClock.wall);

endOnUnhandledErrors((error) => die('agent failed', error));

try {
  await run(readEnvironment(process.env, hostname()));
} catch (error) {
  die('agent cannot start', error as Error);
}

async function run(environment: Environment): Promise<void> {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const resolver = readResolver(environment);
  const kernel = openKernel();
  const lookup = addressLookup(resolver.nameservers, resolver.nameserverPort, lookupTimeoutMs);
  const agentMetrics = new AgentMetrics(registry, version, systemClock, kernel);
  const agent = new Agent({
    identity: environment,
    resolver,
    settingsFile: new MountedFile(environment.settingsFile, maxSettingsBytes, parseSettings),
    syncAccessFile: new MountedFile(environment.syncAccessFile, maxSyncAccessBytes, parseSyncAccess),
    operator: new OperatorConnection(environment.syncTokenFile),
    stateCache: new StateCache(environment.stateDirectory),
    lookup,
    attempt: newAttempt(lookup),
    kernel,
    udpSockets: kernel && new UdpSockets(kernel),
    probeMetrics: new ProbeMetrics(registry, kernel ? 'kernel' : 'clock'),
    agentMetrics,
    syncMetrics: new SyncMetrics(registry, systemClock),
    // Without the kernel's times, a latency contains what the process does for others that are due at the same tick.
    clock: kernel ? tickClock : systemClock,
    random: Math.random,
    log,
  });

  let acceptAtOnce = () => {};
  const grace = new ShutdownGrace(systemClock);
  let state: 'starting' | 'ready' | 'stopping' = 'starting';
  const server = new AgentServer(
    {
      version,
      metrics: async () => ({ text: await renderRegistry(registry), contentType: registry.contentType }),
      ready: () => state === 'ready',
      failed: (error) => log('error', 'cannot answer HTTP request', { reason: error.message }),
      refused: httpRefusalCounter(registry),
      dialled: () => grace.dialled(),
    },
    systemClock,
    agentHttpLimits,
    (fd) => {
      kernel?.limitSendBuffer(fd, sendBufferBytes);
      // Peers dial and reset without sending anything: the kernel answers them without this process.
      kernel?.deferAccept(fd, silentSeconds);
      acceptAtOnce = () => kernel?.deferAccept(fd, 0);
    },
    kernel,
  );
  const echo = new EchoResponder(systemClock, kernel, {
    answered: (dwellSeconds) => agentMetrics.echoAnswered(dwellSeconds),
    dropped: (reason) => agentMetrics.echoDropped(reason),
    failed: (address, { code, message }) =>
      log('error', 'UDP echo responder failed, will retry', { address, code, reason: message }),
    listening: (address, port) => log('info', 'UDP echo responder is listening', { address, port }),
  });
  const stop = (signal: string) => {
    // A second signal skips the grace period.
    if (state === 'stopping') process.exit(0);
    state = 'stopping';
    log('info', 'stopping agent', { signal });
    agent.stop();
    // From here on every dial counts.
    acceptAtOnce();
    // Scrapes and peers are served until endpoints are updated everywhere, and the final report is sent meanwhile.
    grace.begin(agent.dialsService, () => {
      server.close();
      echo.close();
      process.exit(0);
    });
  };
  // Installed before the first await: the kernel delivers to PID 1 only signals that it handles.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  const port = await server.listen(environment.port);
  log('info', 'agent started', { version, node: environment.nodeName, port, timing: kernel ? 'kernel' : 'clock' });
  echo.listen(port, environment.podIps);
  if (state !== 'starting') return;
  agent.start();
  state = 'ready';
}

/**
 * Reads resolv.conf once, because the kubelet never changes it after the container starts. If that fails, only the
 * servers in the settings and assignment are probed.
 */
function readResolver({ resolvConf: path, nameserverPort }: Environment): ResolverConfiguration {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    log('error', 'cannot read resolv.conf, no default nameserver to probe', { reason: (error as Error).message });
  }
  const resolvConf = parseResolvConf(text);
  return { ...resolvConf, nameserverPort, clusterDomain: clusterDomain(resolvConf) ?? usualClusterDomain };
}

function die(msg: string, error: Error): never {
  const reason = withoutSecrets(error.stack ?? String(error));
  log('error', msg, { code: (error as NodeJS.ErrnoException).code, reason });
  process.exit(1);
}
