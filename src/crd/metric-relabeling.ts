import { Type } from 'typebox';
import { celString, validated } from './validation-rule.ts';

/**
 * The actions that can only reduce what is stored. The others set labels, so that the author of a NetExporter could
 * write series under the names of another namespace or of another NetExporter.
 */
export const metricRelabelingActions = ['keep', 'drop', 'labeldrop', 'labelkeep'] as const;

export const metricLabelPattern = '^[a-zA-Z_][a-zA-Z0-9_]*$';

/** One of Prometheus' metric_relabel_configs, under the names of the Prometheus Operator's API. */
export const MetricRelabelingSchema = Type.Object(
  {
    action: Type.Enum([...metricRelabelingActions], {
      type: 'string',
      description:
        'Action where regex matches. keep and drop select series by the values of sourceLabels; labeldrop and labelkeep select labels by their names.',
    }),
    sourceLabels: Type.Optional(
      Type.Array(
        Type.String({
          maxLength: 64,
          ...validated({
            rule: `self.matches(${celString(metricLabelPattern)})`,
            message: 'must be the name of a label, such as __name__ or host (letters, digits and _)',
          }),
        }),
        {
          description: 'Labels whose values, joined by separator, regex must match. Only for keep and drop.',
          maxItems: 8,
          'x-kubernetes-list-type': 'atomic',
        },
      ),
    ),
    separator: Type.Optional(
      Type.String({
        description: 'Text between the values of sourceLabels. Defaults to a semicolon. Only for keep and drop.',
        maxLength: 16,
      }),
    ),
    regex: Type.String({
      description: 'Regular expression in RE2 syntax that must match as a whole.',
      maxLength: 1024,
      ...validated(
        { rule: "self != ''", message: 'must not be empty; use for example network_latency_seconds_.*' },
        {
          // A pattern that does not compile ends the evaluation, and the API server adds the reason to the message.
          rule: "size([''.matches(self)]) == 1",
          message: 'must be a regular expression in RE2 syntax, such as network_latency_seconds_.*',
        },
      ),
    }),
  },
  validated(
    {
      rule: "!(self.action in ['keep', 'drop']) || (has(self.sourceLabels) && size(self.sourceLabels) > 0)",
      message: 'must have sourceLabels if action is keep or drop; list the labels to match, such as [__name__]',
      fieldPath: '.sourceLabels',
    },
    {
      rule: "!(self.action in ['labeldrop', 'labelkeep']) || ((!has(self.sourceLabels) || size(self.sourceLabels) == 0) && !has(self.separator))",
      message:
        'must not have sourceLabels or separator if action is labeldrop or labelkeep, which match the names of labels; remove them',
      fieldPath: '.sourceLabels',
    },
  ),
);
