import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { isDuration } from './probe-times.ts';
import { celString, validated } from './validation-rule.ts';

/** A decimal fraction from 0 to 1. It is a string because the Kubernetes API conventions rule out floats in a spec. */
export const ratioPattern = '^(0(\\.[0-9]{1,6})?|1(\\.0{1,6})?)$';

const isRatio = `self.matches(${celString(ratioPattern)})`;

function latencyField(description: string, initial: string, example: string) {
  return withDefault(
    Type.String({
      description,
      maxLength: 32,
      ...validated({
        rule: `${isDuration('self')} && duration(self) >= duration('1ms') && duration(self) <= duration('1m')`,
        message: `must be a duration from 1ms to 1m, such as ${example}`,
      }),
    }),
    initial,
  );
}

const LatencySchema = defaultedObject(
  {
    dns: latencyField('DNS lookups that take longer than this count as slow.', '100ms', '100ms'),
    network: latencyField('Round trips to a peer that take longer than this count as slow.', '10ms', '10ms'),
  },
  { description: 'Latency thresholds above which a link or server counts as slow.' },
);

export const HealthSpecSchema = defaultedObject(
  {
    failureRatio: withDefault(
      Type.String({
        description: 'Fraction of failed probes at or above which a link or server counts as faulty.',
        maxLength: 8,
        ...validated({
          rule: `${isRatio} && double(self) > 0.0`,
          message: 'must be a quoted decimal fraction greater than 0 and at most 1, such as "0.05" for 5%',
        }),
      }),
      '0.05',
    ),
    latency: LatencySchema,
    window: withDefault(
      Type.String({
        description:
          'Time window of agent reports that the operator keeps and evaluates. Agents report every 15 seconds.',
        maxLength: 32,
        ...validated({
          rule: `${isDuration('self')} && duration(self) >= duration('30s') && duration(self) <= duration('15m')`,
          message: 'must be a duration from 30s to 15m, such as 2m',
        }),
      }),
      '2m',
    ),
    nodeEvents: withDefault(
      Type.Boolean({
        description:
          'Whether a Node gets an Event when it, or its path to ClusterIPs, becomes a suspect or is no longer one. kubectl describe node shows it.',
      }),
      false,
    ),
  },
  { description: 'How the operator evaluates agent reports. Changes never restart a pod.' },
);
