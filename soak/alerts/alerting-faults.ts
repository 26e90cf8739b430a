import { type FaultAlerts, faultAlerts } from '../../test/alerts/fault-alerts.ts';
import type { Cleanups } from '../../test/cluster/cleanups.ts';
import { scaleOperator } from '../../test/e2e/environment.ts';
import { type FaultSite, nodesWithoutLeader, othersThan } from '../../test/judge/fault-site.ts';
import { judgedFaults } from '../../test/judge/faults.ts';
import { deafRules } from '../../test/judge/packet-rules.ts';
import { applyRules } from '../../test/judge/rule-tables.ts';
import { shiftedAnswer, startNtpServer } from '../../test/unit/agent/servers/ntp-server.ts';
import { machineAddress } from '../machine-address.ts';

/** A fault that makes alerts. */
export interface AlertFault extends FaultAlerts {
  name: string;
  /** Each alert that it must make fires within so many seconds. */
  firesWithin: number;
  /**
   * Begins the fault. Adds to `undo` what ends it.
   * @returns the key of the suspect that it makes, if it makes one
   */
  inject: (site: FaultSite, undo: Cleanups) => Promise<string | undefined>;
}

/** Alerts about suspects, which have to be there for a minute. */
const suspectSeconds = 180;

const suspected = judgedFaults.map(({ name, inject }): AlertFault => {
  const alerts = faultAlerts[name];
  if (!alerts) throw new Error(`no alerts are named for the fault ${name}`);
  return { ...alerts, name, firesWithin: suspectSeconds, inject: async (site, undo) => (await inject(site, undo)).key };
});

/** The only time server is a second off, so that each node's clock is. */
const wrongClocks: AlertFault = {
  ...{ name: 'clocks_wrong', firesWithin: 7 * 60 },
  ...{ must: ['NetExporterClockOffset'], may: [] },
  inject: async (site, undo) => {
    const server = await startNtpServer((request, send) => send(shiftedAnswer(request, 1)), await machineAddress(site));
    undo.add('time server', () => server[Symbol.asyncDispose]());
    undo.add('probes of the time server', () => patch(site, { ntp: { enabled: false, servers: [] } }));
    await patch(site, { ntp: { enabled: true, interval: '10s', servers: [`${server.host}:${server.port}`] } });
    return undefined;
  },
};

/** An agent image that does not exist. For ten minutes it is a rollout, and the alerts wait for fifteen more. */
const absentImage: AlertFault = {
  ...{ name: 'image_absent', firesWithin: 28 * 60 },
  must: ['NetExporterAgentsMissing'],
  may: ['NetExporterStalled', 'NetExporterAgentsNotConfigured', 'NetExporterAgentsOutdated'],
  inject: async (site, undo) => {
    undo.add('image of the agents', () => patch(site, { agent: { image: '' } }));
    await patch(site, { agent: { image: 'registry.invalid/net-exporter-agent:absent' } });
    return undefined;
  },
};

/** No operator runs, and then no connection of others reaches one of the nodes. */
const absentOperator: AlertFault = {
  ...{ name: 'operator_absent', firesWithin: 13 * 60 },
  must: ['NetExporterOperatorDown', 'NetExporterNodeCutOff'],
  may: ['NetExporterDNSFailing', 'NetExporterDNSErrorBudget', 'NetExporterDNSServerFailing'],
  inject: async (site, undo) => {
    const [node] = site.choose(await nodesWithoutLeader(site), 1);
    undo.add('operators', () => scaleOperator(site.kubectl, 2));
    await scaleOperator(site.kubectl, 0);
    await applyRules(site, undo, node!.name, deafRules(node!, othersThan(site, node!)));
    return undefined;
  },
};

async function patch({ kubectl, namespace, name }: FaultSite, spec: object): Promise<void> {
  const args = ['patch', 'netexporter', '-n', namespace, name, '--type=merge', '-p', JSON.stringify({ spec })];
  await kubectl(args);
}

export const alertFaults: readonly AlertFault[] = [...suspected, wrongClocks, absentImage, absentOperator];
