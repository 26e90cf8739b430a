import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLog } from '../../../src/agent/log.ts';

test('a log line is one JSON object with time, level and message first', () => {
  const lines: string[] = [];
  const log = jsonLog(
    (line) => lines.push(line),
    () => Date.parse('2026-01-02T03:04:05.678Z'),
  );
  log('warn', 'target\nfails', { reason: 'time"out', attempts: 3, gone: undefined });
  assert.deepEqual(lines, [
    '{"time":"2026-01-02T03:04:05.678Z","level":"warn","msg":"target\\nfails","reason":"time\\"out","attempts":3}\n',
  ]);
});
