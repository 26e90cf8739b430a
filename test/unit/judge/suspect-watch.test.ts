import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SuspectWatch } from '../../judge/suspect-watch.ts';

/** An API server with one NetExporter, of which the status is set. */
class StatusServer {
  readonly asked: string[] = [];
  status: object | undefined;
  failure: Error | undefined;

  get<T>(path: string): Promise<T> {
    this.asked.push(path);
    if (this.failure) return Promise.reject(this.failure);
    return Promise.resolve({ status: structuredClone(this.status) } as T);
  }
}

const condition = (type: string, status: string) => ({ type, status, reason: 'R', message: 'm' });
const healthy = ['Ready', 'NetworkHealthy', 'DNSHealthy'].map((type) => condition(type, 'True'));
const suspect = { kind: 'Node', name: 'a', reason: 'Loss', evidence: 'Node a loses packets.', since: 'then' };

test('every change of suspects and conditions is kept once, and can be waited for', async () => {
  const server = new StatusServer();
  const watch = await SuspectWatch.start(server, 'ns', 'nx');
  assert.equal(server.asked[0], '/apis/net-exporter.dev/v1alpha1/namespaces/ns/netexporters/nx');
  assert.deepEqual(watch.now.suspects, []);
  assert.equal(await watch.untilHealthy(0), false);
  server.status = { suspects: [], conditions: healthy };
  assert.equal(await watch.untilHealthy(60), true);
  server.status = { suspects: [suspect], conditions: healthy };
  assert.equal(await watch.untilFound('Node a', 60), true);
  assert.equal(await watch.untilHealthy(0), false);
  server.status = { conditions: healthy };
  assert.equal(await watch.untilCleared('Node a', 60), true);
  await watch[Symbol.asyncDispose]();
  assert.deepEqual(
    watch.snapshots.map(({ suspects }) => suspects.length),
    [0, 0, 1, 0],
  );
});

test('a read that fails is no change, and the last one that failed is told at the end', async () => {
  const server = new StatusServer();
  const watch = await SuspectWatch.start(server, 'ns', 'nx');
  server.failure = new Error('away');
  const asked = server.asked.length;
  await watch.until(() => server.asked.length > asked + 1, 60);
  assert.equal(watch.snapshots.length, 1);
  await assert.rejects(watch[Symbol.asyncDispose](), /away/);
});
