import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogLine, linesIn, repeatsIn } from '../../../../soak/operations/log-repeats.ts';

const start = Date.parse('2026-05-04T10:00:00Z');

/** A line so many seconds after the start. */
function line(second: number, fields: object, process = 'operator-1/0'): LogLine {
  const at = start + second * 1000;
  const text = JSON.stringify({ level: 'info', time: new Date(at).toISOString(), ...fields });
  return { process, at, text };
}

const changed = (condition: string, status: string) => ({
  ...{ key: 'ns/soak', condition, status, msg: 'condition changed' },
});
const seconds = (lines: LogLine[], facts: number[] = []) =>
  repeatsIn(
    lines,
    facts.map((second) => start + second * 1000),
  ).map(({ at }) => (Date.parse(at) - start) / 1000);

test('a line that says what the one before said is a repeat', () => {
  assert.deepEqual(seconds([line(1, changed('Ready', 'True')), line(5, changed('Ready', 'True'))]), [5]);
});

test('another line about the same in between, or something new, is a new fact', () => {
  const [first, last] = [line(1, changed('Ready', 'True')), line(9, changed('Ready', 'True'))];
  assert.deepEqual(seconds([first, line(5, changed('Ready', 'False')), last]), []);
  assert.deepEqual(seconds([first, last], [5]), []);
  assert.deepEqual(seconds([first, last], [0.5, 9.5]), [9]);
});

test('lines about something else do not make a repeat new', () => {
  const lines = [
    line(1, changed('Ready', 'True')),
    line(2, changed('ConfigPropagated', 'True')),
    line(3, { object: 'Service soak-agent', msg: 'created object', key: 'ns/soak' }),
    line(4, changed('Ready', 'True')),
  ];
  assert.deepEqual(seconds(lines), [4]);
});

test('lines that differ in a field, in their object or in their process are no repeats', () => {
  const created = (object: string) => ({ object, msg: 'created object', key: 'ns/soak' });
  assert.deepEqual(seconds([line(1, created('Service a')), line(2, created('Service b'))]), []);
  assert.deepEqual(seconds([line(1, { msg: 'x', code: 1 }), line(2, { msg: 'x', code: 2 })]), []);
  const twice = [line(1, { msg: 'operator started' }), line(2, { msg: 'operator started' }, 'operator-1/1')];
  assert.deepEqual(seconds(twice), []);
});

test('text that is no JSON is compared as it is', () => {
  const crash = (second: number) => ({ ...line(second, {}), text: '    at work (main.js:1:2)' });
  assert.deepEqual(seconds([crash(1), crash(2)]), [2]);
});

test('lines of containerd are read with their time, those in parts as one, and what is not whole is kept', () => {
  const time = '2026-05-04T10:00:01.5Z';
  const text = `${time} stdout F {"a":1}\n${time} stderr P {"b":\n${time} stderr F 2}\n${time} stdout F {"c`;
  const { lines, rest } = linesIn(text);
  assert.deepEqual(lines, [
    { at: start + 1500, text: '{"a":1}' },
    { at: start + 1500, text: '{"b":2}' },
  ]);
  assert.deepEqual(linesIn('":3}\n', rest).lines, [{ at: start + 1500, text: '{"c":3}' }]);
});

test('a long line whose end has not been written is kept with its parts', () => {
  const first = linesIn('2026-05-04T10:00:01Z stdout P {"a":\n');
  assert.deepEqual(first.lines, []);
  const second = linesIn('2026-05-04T10:00:01Z stdout F 1}\n', first.rest);
  assert.deepEqual(
    second.lines.map(({ text }) => text),
    ['{"a":1}'],
  );
  assert.equal(second.rest, '');
});
