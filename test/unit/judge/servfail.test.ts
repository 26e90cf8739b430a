import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet from 'dns-packet';
import { servfail } from '../../judge/servfail.ts';

test('a query is answered with SERVFAIL under its own id', () => {
  const query = packet.encode({
    ...{ type: 'query', id: 4711, flags: packet.RECURSION_DESIRED },
    questions: [{ type: 'A', name: 'example.com', class: 'IN' }],
  });
  const answer = packet.decode(servfail(query)) as ReturnType<typeof packet.decode> & { rcode: string };
  assert.deepEqual([answer.type, answer.id, answer.rcode], ['response', 4711, 'SERVFAIL']);
  assert.equal(answer.questions?.[0]?.name, 'example.com');
});

test('what is no message is left alone', () => {
  assert.deepEqual(servfail(new Uint8Array([1, 2])), Buffer.from([1, 2]));
});
