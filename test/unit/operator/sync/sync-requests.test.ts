import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { AgentConnection } from '../../../../src/operator/sync/agent-connection.ts';
import { RateLimitedLog } from '../../../../src/operator/sync/rate-limited-log.ts';
import { SyncRequests } from '../../../../src/operator/sync/sync-requests.ts';
import { encodeSyncRequest, syncPath, syncVersion } from '../../../../src/protocol/sync.ts';
import { FakeClock } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';

/** Takes requests of agents, each of which takes the hub a millisecond. The token of an agent is its pod's uid. */
function setUp() {
  const clock = new FakeClock();
  const exchanged: string[] = [];
  const requests = new SyncRequests({
    hub: {
      exchange({ podUid }) {
        clock.advance(1);
        exchanged.push(podUid);
      },
    },
    identify: async (podUid) => ({ podUid, pod: podUid, resource: 'monitoring/default', node: '' }),
    isLeading: () => true,
    claim() {},
    observe: { answered: (result) => assert.fail(result), failed: assert.fail },
    refusals: new RateLimitedLog(quietLog, clock),
    clock,
  });
  const body = encodeSyncRequest({ version: syncVersion, held: {} });
  const send = (podUid: string) => {
    const socket = { destroyed: false };
    const headers = { authorization: `Bearer ${podUid}` };
    const request = Object.assign(Readable.from([Buffer.from(body)]), { url: syncPath, method: 'POST', headers });
    const taken = requests.take(request as unknown as IncomingMessage, { socket } as unknown as AgentConnection);
    return { socket, taken };
  };
  return { exchanged, send };
}

test('a thousand requests that arrive at once are processed over many turns of the event loop', async () => {
  const { exchanged, send } = setUp();
  const sent = Array.from({ length: 1000 }, (_, number) => send(`pod-${number}`));
  let turns = 0;
  let most = 0;
  for (let before = 0; exchanged.length < 1000; before = exchanged.length) {
    await setImmediate();
    most = Math.max(most, exchanged.length - before);
    assert.ok(++turns < 10_000);
  }
  await Promise.all(sent.map(({ taken }) => taken));
  assert.ok(most <= 10, `${most} requests in one turn`);
  assert.equal(new Set(exchanged).size, 1000);
});

test('a request whose connection closes before its turn is dropped: its agent sends it again', async () => {
  const { exchanged, send } = setUp();
  const sent = Array.from({ length: 50 }, (_, number) => send(`pod-${number}`));
  while (exchanged.length === 0) await setImmediate();
  const last = sent.at(-1)!;
  last.socket.destroyed = true;
  await Promise.all(sent.map(({ taken }) => taken));
  assert.equal(exchanged.length, 49);
  assert.ok(!exchanged.includes('pod-49'));
});
