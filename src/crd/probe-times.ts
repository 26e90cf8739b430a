import { Type } from 'typebox';
import { durationPattern } from '../base/durations.ts';
import { withDefault } from './defaulted-object.ts';
import { celString, type ValidationRule, validated } from './validation-rule.ts';

/** The CEL expression for it. */
export const isDuration = (field: string): string => `${field}.matches(${celString(durationPattern)})`;

const defaultInterval = '10s';
const defaultTimeout = '5s';

const intervalDescription =
  'Interval at which each target is probed. The offsets of targets are spread over the interval, to avoid bursts of probes.';

/** The interval of a probe, as a field. */
export function intervalField(initial = defaultInterval, description = intervalDescription) {
  return withDefault(
    Type.String({
      description,
      maxLength: 32,
      ...validated({
        rule: `${isDuration('self')} && duration(self) >= duration('1s') && duration(self) <= duration('1h')`,
        message: 'must be a duration from 1s to 1h, such as 10s or 1m30s',
      }),
    }),
    initial,
  );
}

/** The timeout of a probe, as a field; `timeoutWithinInterval` goes with it on the object. */
export function timeoutField() {
  return withDefault(
    Type.String({
      description: 'Timeout of a single attempt. An attempt that takes longer counts as failed.',
      maxLength: 32,
      ...validated({
        rule: `${isDuration('self')} && duration(self) > duration('0s')`,
        message: 'must be a duration greater than zero and at most the interval, such as 5s or 500ms',
      }),
    }),
    defaultTimeout,
  );
}

/** On an object with `interval` and `timeout`. Silent about malformed ones: the fields' own rules speak about those. */
export const timeoutWithinInterval: ValidationRule = {
  rule: `!${isDuration('self.interval')} || !${isDuration('self.timeout')} || duration(self.timeout) <= duration(self.interval)`,
  message: 'must not exceed the interval; set a shorter timeout or a longer interval',
  messageExpression: `'must not exceed the interval: the timeout is ' + self.timeout + ' (default ${defaultTimeout}), the interval is ' + self.interval + '; set a shorter timeout or a longer interval'`,
  fieldPath: '.timeout',
};
