import { parseDuration } from '../../../src/base/durations.ts';
import { defaultSpec, type NetExporter } from '../../../src/crd/net-exporter.ts';

type HealthSpec = NetExporter['spec']['health'];

/** The limits of `spec.health`, as expressions need them. */
export interface Thresholds {
  failureRatio: number;
  /** In seconds. */
  dnsLatency: number;
  /** In seconds. */
  networkLatency: number;
}

/** Which NetExporters rules are about. */
export interface RuleScope {
  /** The only NetExporter; absent: every one, each with its own alerts. */
  netExporter?: { namespace: string; name: string };
  thresholds: Thresholds;
}

/** Rules about one NetExporter, with its thresholds. */
export function scopeOf({ metadata, spec }: NetExporter): RuleScope {
  const { namespace, name } = metadata;
  return { netExporter: { namespace, name }, thresholds: thresholdsOf(spec.health) };
}

/** Rules about every NetExporter, with the default thresholds. */
export function everyNetExporter(): RuleScope {
  return { thresholds: thresholdsOf(defaultSpec().health) };
}

function thresholdsOf({ failureRatio, latency }: HealthSpec): Thresholds {
  return {
    failureRatio: Number(failureRatio),
    dnsLatency: parseDuration(latency.dns) / 1000,
    networkLatency: parseDuration(latency.network) / 1000,
  };
}
