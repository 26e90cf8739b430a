import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { MetricRelabelingSchema } from './metric-relabeling.ts';
import { celString, type ValidationRule, validated } from './validation-rule.ts';

/**
 * Durations that both CEL and Prometheus take: units from large to small, each at most once, unlike the durations of
 * the agents. The empty text matches, too.
 */
export const scrapeDurationPattern = '^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$';

const isScrapeDuration = (field: string) => `${field} != '' && ${field}.matches(${celString(scrapeDurationPattern)})`;

/** CEL: whether a text is an interval of scrapes. */
export const isScrapeInterval = (field: string): string =>
  `(${isScrapeDuration(field)} && duration(${field}) >= duration('1s') && duration(${field}) <= duration('1h'))`;

/** CEL: whether a text is the timeout of a scrape. */
export const isScrapeTimeout = (field: string): string =>
  `(${isScrapeDuration(field)} && duration(${field}) > duration('0s'))`;

export const maxMetricRelabelings = 32;

/** Without an interval, Prometheus' own counts, which is not known here: it refuses to scrape with a longer timeout. */
const timeoutNeedsInterval: ValidationRule = {
  rule: "self.timeout == '' || self.interval != ''",
  message: 'must be empty if the interval is empty; set spec.monitoring.scrape.interval, too',
  fieldPath: '.timeout',
};

/** Silent about malformed ones: the fields' own rules speak about those. */
const timeoutWithinInterval: ValidationRule = {
  rule: `!${isScrapeInterval('self.interval')} || !${isScrapeTimeout('self.timeout')} || duration(self.timeout) <= duration(self.interval)`,
  message: 'must not exceed the interval; set a shorter timeout or a longer interval',
  fieldPath: '.timeout',
};

export const ScrapeSpecSchema = defaultedObject(
  {
    interval: withDefault(
      Type.String({
        description: 'Interval at which Prometheus scrapes each agent. If empty, the default of Prometheus applies.',
        maxLength: 32,
        ...validated({
          rule: `self == '' || ${isScrapeInterval('self')}`,
          message:
            'must be a duration from 1s to 1h with units from large to small, such as 30s or 1m30s, or empty to use the default of Prometheus',
        }),
      }),
      '',
    ),
    timeout: withDefault(
      Type.String({
        description:
          'Timeout of a scrape. If empty, the default of Prometheus applies, but not more than the interval.',
        maxLength: 32,
        ...validated({
          rule: `self == '' || ${isScrapeTimeout('self')}`,
          message:
            'must be a duration greater than zero and at most the interval with units from large to small, such as 10s or 500ms, or empty to use the default of Prometheus',
        }),
      }),
      '',
    ),
    metricRelabelings: withDefault(
      Type.Array(MetricRelabelingSchema, {
        description:
          'Rules by which Prometheus drops series and labels before it stores them, in this order. Actions that set labels are not available, because they could write series under the names of another namespace or NetExporter.',
        maxItems: maxMetricRelabelings,
        'x-kubernetes-list-type': 'atomic',
      }),
      [],
    ),
  },
  {
    description:
      'How Prometheus scrapes the agents. Has an effect only with a PodMonitor. Changes never restart a pod.',
    ...validated(timeoutNeedsInterval, timeoutWithinInterval),
  },
);
