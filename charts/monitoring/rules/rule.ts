import { type AlertName, type AlertSeverity, alerts, runbookUrl } from '../../../src/contract/alerts.ts';

/** A rule that records a series. */
export interface RecordingRule {
  record: string;
  expr: string;
}

/** A rule that makes an alert. */
export interface AlertRule {
  alert: AlertName;
  expr: string;
  /** For how long the expression has to hold. */
  for: string;
  /** For how long the alert fires on after the expression has held last. */
  keep_firing_for?: string;
  labels: { severity: AlertSeverity };
  annotations: { summary: string; description: string; runbook_url: string };
}

export type Rule = RecordingRule | AlertRule;

/** Rules that Prometheus evaluates one after another. */
export interface RuleGroup {
  name: string;
  rules: Rule[];
}

/** What an alert's declaration says, besides what follows from its name. */
interface AlertText {
  expr: string;
  /** For how long the expression has to hold. */
  for: string;
  keepFiringFor?: string;
  /** One line without values, so that it does not change while the alert fires. */
  summary: string;
  /** With labels and the value. */
  description: string;
}

/** An alert with its severity and the link to its runbook. */
export function alertRule(
  alert: AlertName,
  { expr, for: pending, keepFiringFor, summary, description }: AlertText,
): AlertRule {
  return {
    alert,
    expr,
    for: pending,
    ...(keepFiringFor !== undefined && { keep_firing_for: keepFiringFor }),
    labels: { severity: alerts[alert] },
    annotations: { summary, description, runbook_url: runbookUrl(alert) },
  };
}
