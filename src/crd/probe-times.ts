import { Type } from 'typebox';
import { withDefault } from './defaulted-object.ts';
import { celString, type ValidationRule, validated } from './validation-rule.ts';

/**
 * Durations as the contract takes them: whole numbers with units, at most four. Narrower than Go's `time.ParseDuration`
 * (no fraction, no sign, no ns or µs), and short enough that CEL's `duration()` cannot overflow on what matches.
 */
export const durationPattern = '^([0-9]{1,6}(ms|s|m)|[0-9]{1,3}h){1,4}$';

/** The CEL expression for it. */
export const isDuration = (field: string): string => `${field}.matches(${celString(durationPattern)})`;

const defaultInterval = '10s';
const defaultTimeout = '5s';

const intervalDescription =
  'How often each target is probed. Each has its own offset in the interval, so that probes never come in bursts.';

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
      description: 'How long one attempt may take before it counts as failed.',
      maxLength: 32,
      ...validated({
        rule: `${isDuration('self')} && duration(self) > duration('0s')`,
        message: 'must be a duration above zero and at most the interval, such as 5s or 500ms',
      }),
    }),
    defaultTimeout,
  );
}

/** On an object with `interval` and `timeout`. Silent about malformed ones: the fields' own rules speak about those. */
export const timeoutWithinInterval: ValidationRule = {
  rule: `!${isDuration('self.interval')} || !${isDuration('self.timeout')} || duration(self.timeout) <= duration(self.interval)`,
  message: 'must be at most the interval: write a shorter timeout or a longer interval',
  messageExpression: `'must be at most the interval, which is ' + self.interval + ': the timeout is ' + self.timeout + ' (${defaultTimeout} where none is written); write a shorter timeout or a longer interval'`,
  fieldPath: '.timeout',
};
