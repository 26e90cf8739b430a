import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressLookup } from '../../../../src/agent/probes/peer-lookup.ts';
import { startZoneServer } from '../servers/zone-server.ts';

const name = 'default-agent-peers.monitoring.svc.cluster.local';

test('a fully qualified name is asked for both address families, without the search list', async () => {
  await using server = await startZoneServer(new Map([[name, ['10.0.0.1', '10.0.0.2', 'fd00::1']]]));
  const answers = await addressLookup(['127.0.0.1'], server.port, 5000)(`${name}.`);
  assert.deepEqual(answers.A?.sort(), ['10.0.0.1', '10.0.0.2']);
  assert.deepEqual(answers.AAAA, ['fd00::1']);
  assert.deepEqual(server.asked.sort(), [`A ${name}`, `AAAA ${name}`]);
});

test('more agents than fit into a datagram are all found', async () => {
  const agents = Array.from({ length: 300 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
  await using server = await startZoneServer(new Map([[name, agents]]));
  const { A } = await addressLookup(['127.0.0.1'], server.port, 5000)(`${name}.`);
  assert.deepEqual(A?.sort(), agents.sort());
});

test('a server that says there are none has answered', async () => {
  await using server = await startZoneServer(new Map([[name, ['10.0.0.1']]]));
  const lookup = addressLookup(['127.0.0.1'], server.port, 5000);
  assert.deepEqual(await lookup(`${name}.`), { A: ['10.0.0.1'], AAAA: [] });
  assert.deepEqual(await lookup('nowhere.monitoring.svc.cluster.local.'), { A: [], AAAA: [] });
});

test('a server that fails, is silent or is not there has not', async () => {
  const silence = { A: undefined, AAAA: undefined };
  let port: number;
  {
    await using server = await startZoneServer(
      new Map<string, { rcode: number } | 'silence'>([
        ['servfail', { rcode: 2 }],
        ['refused', { rcode: 5 }],
        ['silence', 'silence'],
      ]),
    );
    port = server.port;
    const lookup = addressLookup(['127.0.0.1'], port, 100);
    for (const question of ['servfail.', 'refused.', 'silence.'])
      assert.deepEqual(await lookup(question), silence, question);
  }
  assert.deepEqual(await addressLookup(['127.0.0.1'], port, 100)(`${name}.`), silence);
  assert.deepEqual(await addressLookup([], 53, 100)(`${name}.`), silence);
});

test('the next nameserver is asked when the first gives no answer', async () => {
  await using server = await startZoneServer(new Map([[name, ['10.0.0.1']]]), '127.0.0.2');
  const lookup = addressLookup(['127.0.0.1', '127.0.0.2'], server.port, 1000);
  assert.deepEqual((await lookup(`${name}.`)).A, ['10.0.0.1']);
});
