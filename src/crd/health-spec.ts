import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { isDuration } from './probe-times.ts';
import { celString, validated } from './validation-rule.ts';

/** A share from 0 to 1, written out. Kubernetes wants no floating point numbers in resources, so it is a string. */
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
    dns: latencyField('A lookup that takes longer is slow.', '100ms', '100ms'),
    network: latencyField('A round trip to a peer that takes longer is slow.', '10ms', '10ms'),
  },
  { description: 'What is slow.' },
);

export const HealthSpecSchema = defaultedObject(
  {
    failureRatio: withDefault(
      Type.String({
        description: 'Which share of the probes of a link or server has to fail for it to be at fault.',
        maxLength: 8,
        ...validated({
          rule: `${isRatio} && double(self) > 0.0`,
          message: 'must be a share above 0 and at most 1 as a string, such as "0.05" for one of twenty',
        }),
      }),
      '0.05',
    ),
    latency: LatencySchema,
    window: withDefault(
      Type.String({
        description:
          'How far back the operator looks: for so long it keeps what the agents report. Agents report every 15 seconds.',
        maxLength: 32,
        ...validated({
          rule: `${isDuration('self')} && duration(self) >= duration('30s') && duration(self) <= duration('15m')`,
          message: 'must be a duration from 30s to 15m, such as 2m',
        }),
      }),
      '2m',
    ),
  },
  { description: 'By what the agents’ reports are judged. A change never restarts a pod.' },
);
