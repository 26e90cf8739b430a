import { scheduleMetrics, settingsMetrics } from './agent-metrics.ts';
import { apiMetrics } from './api-metrics.ts';
import { eventMetrics } from './event-metrics.ts';
import { httpMetrics } from './http-metrics.ts';
import { fleetMetrics, judgementMetrics } from './judgement-metrics.ts';
import type { MetricDeclaration, MetricGroup } from './metric.ts';
import {
  controllerMetrics,
  leaderMetrics,
  requestMetrics,
  runtimeMetrics,
  syncServerMetrics,
  watchMetrics,
} from './operator-metrics.ts';
import { dnsMetrics, networkMetrics, ntpMetrics } from './probe-metrics.ts';
import { processMetrics } from './process-metrics.ts';
import { reportMetrics } from './report-metrics.ts';
import { resourceMetrics } from './resource-metrics.ts';

/** Everything the agent exposes, by subject. */
export const agentMetricGroups = {
  dns: dnsMetrics,
  network: networkMetrics,
  /** Exposed only while time servers are probed. */
  ntp: ntpMetrics,
  settings: settingsMetrics,
  schedule: scheduleMetrics,
  http: httpMetrics,
  process: processMetrics,
} as const satisfies Record<string, MetricGroup>;

/** Everything the operator exposes, by subject. */
export const operatorMetricGroups = {
  /** Exposed by the leader only. */
  resource: resourceMetrics,
  /** As `resource`, and only where the operator syncs with agents. */
  judgement: judgementMetrics,
  /** As `judgement`. */
  fleet: fleetMetrics,
  controller: controllerMetrics,
  watch: watchMetrics,
  event: eventMetrics,
  leader: leaderMetrics,
  request: requestMetrics,
  /** Exposed only where the operator syncs with agents. */
  syncServer: syncServerMetrics,
  /** As `syncServer`. */
  reports: reportMetrics,
  http: httpMetrics,
  api: apiMetrics,
  runtime: runtimeMetrics,
  process: processMetrics,
} as const satisfies Record<string, MetricGroup>;

type MetricOf<Groups> = { [G in keyof Groups]: Groups[G][keyof Groups[G]] }[keyof Groups];

/** A metric of this project. No other can be constructed. */
export type DeclaredMetric = MetricOf<typeof agentMetricGroups> | MetricOf<typeof operatorMetricGroups>;

/** Lists the metrics of the agent. */
export function agentMetrics(): MetricDeclaration[] {
  return Object.values(agentMetricGroups).flatMap((group: MetricGroup) => Object.values(group));
}

/** Lists the metrics of the operator. */
export function operatorMetrics(): MetricDeclaration[] {
  return Object.values(operatorMetricGroups).flatMap((group: MetricGroup) => Object.values(group));
}
