import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OperatorLogs } from '../../../../soak/operations/operator-logs.ts';
import type { ApiObject } from '../../../faults/cluster-api.ts';

function pod(restartCount: number): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'operator-1', namespace: 'system', uid: 'u', resourceVersion: '1' },
    spec: { nodeName: 'node-1', containers: [{}] },
    status: { containerStatuses: [{ restartCount, state: { running: {} } }] },
  };
}

const line = (text: string) => `2026-05-04T10:00:00Z stdout F ${text}\n`;

test('each process is read from its file as that grows, also once the file has gone', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'operator-logs-'));
  const file = (restarts: number) => join(directory, `${restarts}.log`);
  const logs = new OperatorLogs({ containerLog: (_node, _pod, _container, restarts) => file(restarts) });
  try {
    await logs.look([pod(0)]);
    assert.deepEqual(logs.lines, []);
    await writeFile(file(0), line('one') + line('two').slice(0, -3));
    await logs.look([pod(0)]);
    await appendFile(file(0), 'wo\n');
    await writeFile(file(1), line('other'));
    await logs.look([pod(1)]);
    await appendFile(file(0), line('last'));
    await rm(file(0));
    await logs.look([]);
    const read = logs.lines.map(({ process, text }) => `${process} ${text}`);
    assert.deepEqual(
      read.sort(),
      ['operator-1/0 one', 'operator-1/0 two', 'operator-1/1 other', 'operator-1/0 last'].sort(),
    );
  } finally {
    await logs.close();
    await rm(directory, { recursive: true });
  }
});
