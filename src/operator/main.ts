// First, so that no signal is lost while everything else is loaded.
import './stop-signal.ts';

import { randomUUID } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import { systemClock } from '../base/clock.ts';
import { withoutSecrets } from '../base/redaction.ts';
import { endOnUnhandledErrors } from '../base/unhandled-errors.ts';
import { operatorName } from '../contract/operator-names.ts';
import { httpRefusalCounter } from '../listeners/http-refusal.ts';
import { readClusterDomain, readNameservers } from './dns/nameservers.ts';
import { Api } from './http/api/api.ts';
import { apiRefusalCounter } from './http/api/api-refusal.ts';
import { OperatorServer } from './http/server.ts';
import { ClusterAccessError, clusterAccess, mountedToken } from './kube/cluster-access.ts';
import { requireInstalledName } from './kube/installed-name.ts';
import { operatorLogger } from './log/logger.ts';
import { OperatorMetrics } from './metrics.ts';
import { Operator } from './operator.ts';
import { OptionError, operatorOptions } from './operator-options.ts';
import { stopSignal } from './stop-signal.ts';

const resolvConf = '/etc/resolv.conf';

/** The process exits after this time even if something hangs: five seconds are promised. */
const stopDeadlineMs = 4500;

async function main(): Promise<void> {
  const { version } = packageJson;
  const options = operatorOptions(process.argv.slice(2), process.env, version);
  const log = operatorLogger(options.logLevel);
  let stop = (): Promise<void> => process.exit(0);
  void stopSignal.then((signal) => {
    log.info({ signal }, 'stopping');
    return stop();
  });
  endOnUnhandledErrors((error) => log.fatal({ err: error }, 'unhandled error, exiting'));
  if (options.kubeconfig === undefined) requireInstalledName(mountedToken());
  const metrics = new OperatorMetrics(version);
  const operator = new Operator({
    access: clusterAccess(options.kubeconfig),
    // With a kubeconfig, this machine's resolvers are not those of pods.
    nameservers: options.kubeconfig === undefined ? readNameservers(resolvConf, log) : [],
    clock: systemClock,
    random: Math.random,
    log,
    metrics,
    agentImage: options.agentImage,
    podName: options.podName,
    namespace: options.namespace,
    identity: `${options.podName}_${randomUUID()}`,
    version,
    sync: options.sync,
    onLost: (why) => {
      log.fatal({ why }, 'lost the lease, exiting');
      process.exit(1);
    },
  });
  const refused = httpRefusalCounter(metrics.registry);
  const api =
    options.pageHosts &&
    new Api({
      source: operator.apiSource,
      hosts: {
        service: operatorName,
        namespace: options.namespace,
        clusterDomain: readClusterDomain(resolvConf),
        others: options.pageHosts,
      },
      leaderPort: options.port,
      podName: options.podName,
      version,
      refused: apiRefusalCounter(metrics.registry),
      unread: () => refused('unread'),
      clock: systemClock,
      log,
    });
  const server = new OperatorServer({
    metrics: () => metrics.exposition(),
    unready: () => operator.unready(),
    state: () => operator.state(),
    notices: () => operator.notices(),
    refused,
    api,
    clock: systemClock,
    log,
  });
  const port = await server.listen(options.port);
  log.info({ version, port, agentImage: options.agentImage, node: process.version }, 'operator started');
  if (!options.sync) log.info('sync with agents is disabled: neither SYNC_ADVERTISE nor POD_IP is set');
  stop = async () => {
    setTimeout(() => process.exit(0), stopDeadlineMs).unref();
    await operator.stop();
    await server.close();
    await api?.close();
    log.info('stopped');
    process.exit(0);
  };
  operator.start();
}

try {
  await main();
} catch (error) {
  const known = error instanceof OptionError || error instanceof ClusterAccessError;
  const text = known ? error.message : ((error as Error).stack ?? String(error));
  process.stderr.write(`net-exporter-operator: ${withoutSecrets(text)}\n`);
  process.exit(known ? 2 : 1);
}
