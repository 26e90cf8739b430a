import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after } from 'node:test';
import type { Clock } from '../../../../../src/base/clock.ts';
import type { NetExporter } from '../../../../../src/crd/net-exporter.ts';
import { EventHistory } from '../../../../../src/operator/events/event-history.ts';
import { Api } from '../../../../../src/operator/http/api/api.ts';
import type { ApiRefusal } from '../../../../../src/operator/http/api/api-refusal.ts';
import type { ApiSource } from '../../../../../src/operator/http/api/api-source.ts';
import { OperatorServer } from '../../../../../src/operator/http/server.ts';
import { OperatorMetrics } from '../../../../../src/operator/metrics.ts';
import { healthStatus } from '../../../../../src/operator/status/health-status.ts';
import { SuspectEvents } from '../../../../../src/operator/status/suspect-events.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { type JudgedOperator, key } from '../../judge/judged-operator.ts';
import { quietLog } from '../../quiet-log.ts';

/** The NetExporter of an operator with the status that it writes. */
export function withStatus({ judges, resource, fleet }: JudgedOperator): NetExporter {
  const judged = judges.shownOf(key);
  const finding = { judged, isSynced: true, isPaused: false, isWithoutNodes: false };
  const { fields, conditions } = healthStatus(finding, undefined);
  const health = Object.entries(conditions).map(([type, [holds, { reason, message }]]) => ({
    ...{ type, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' },
    status: holds === true ? ('True' as const) : holds === false ? ('False' as const) : holds,
  }));
  const ready = { type: 'Ready', status: 'True' as const, reason: 'AgentsReady', message: 'All agents are ready.' };
  const agents = [...(fleet.judgedOf(key)?.agents.pods ?? [])].length;
  return {
    ...resource,
    status: {
      agents: { desired: agents, ready: agents, configured: agents, reporting: agents, summary: `${agents}/${agents}` },
      ...fields,
      conditions: [{ ...ready, lastTransitionTime: '2026-01-01T00:00:00Z' }, ...health],
    },
  };
}

/** What an operator that leads knows. */
export function sourceOf(operator: JudgedOperator): ApiSource {
  const history = new EventHistory(operator.clock);
  const events = { recordLimited: history.note.bind(history) };
  const suspectEvents = new SuspectEvents({ events, clock: operator.clock, uidOfNode: () => undefined });
  let told: unknown;
  return {
    isLeading: () => true,
    leadingSince: () => Date.parse('2026-01-01T00:00:00Z'),
    leaderAddress: () => undefined,
    resources: () => [withStatus(operator)],
    fleetOf: (of) => operator.judges.knownOf(of),
    events: () => {
      const { latest, suspects } = operator;
      if (latest && told !== latest) suspectEvents.report(operator.resource, { ...latest.verdict, raised: suspects });
      told = latest;
      return history.events();
    },
    nodeOf: (name) => operator.nodes.get(name),
  };
}

/** What no operator knows. */
export const emptySource: ApiSource = {
  isLeading: () => true,
  leadingSince: () => undefined,
  leaderAddress: () => undefined,
  resources: () => [],
  fleetOf: () => undefined,
  events: () => [],
  nodeOf: () => undefined,
};

export interface ApiAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** The API on a server of its own, until the test file ends. */
export async function serveApi(
  source: ApiSource,
  options: { clock?: Clock; leaderPort?: number; hosts?: string[]; podName?: string } = {},
) {
  const { clock = new FakeClock(), leaderPort = 0, hosts = [], podName = 'operator-1' } = options;
  const refusals: ApiRefusal[] = [];
  const api = new Api({
    source,
    hosts: { service: 'net-exporter-operator', namespace: 'system', clusterDomain: 'cluster.local', others: hosts },
    ...{ leaderPort, podName, version: '1.2.3' },
    refused: (reason) => refusals.push(reason),
    unread() {},
    clock,
    log: quietLog,
  });
  const server = new OperatorServer({
    metrics: () => new OperatorMetrics('1.2.3').exposition(),
    unready: () => undefined,
    state: () => 'leading',
    notices: () => [],
    refused() {},
    api,
    clock,
    log: quietLog,
  });
  const port = await server.listen(0);
  after(async () => {
    await server.close();
    await api.close();
  });
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') => ask(port, path, headers, method);
  return { port, refusals, get };
}

async function ask(port: number, path: string, headers: Record<string, string>, method: string): Promise<ApiAnswer> {
  const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }).end();
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}
