import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formerLeadersWrites } from '../../faults/leader-writes.ts';
import type { RecordedRequest } from '../../faults/request-record.ts';

function request(who: string, startedAt: number, parts: Partial<RecordedRequest>): RecordedRequest {
  const times = { startedAt, endedAt: startedAt + 5 };
  const none = { namespace: 'n', name: 'x', subresource: undefined, fault: undefined, lease: undefined };
  const answer = { status: 200, answered: true, userAgent: '', method: 'PATCH', path: '/x' };
  return { verb: 'patch', resource: 'services', ...none, ...answer, ...times, who, ...parts };
}

const write = (who: string, at: number) => request(who, at, {});
const renewal = (who: string, at: number, parts: Partial<RecordedRequest> = {}) =>
  request(who, at, { verb: 'update', resource: 'leases', lease: { holderIdentity: `${who}_1` }, ...parts });

test('a leader may write until ten seconds after it sent its last answered renewal', () => {
  assert.deepEqual(formerLeadersWrites([renewal('a', 0), write('a', 9_900)]), []);
  assert.match(formerLeadersWrites([renewal('a', 0), write('a', 10_400)])[0]!, /10400 ms after the last renewal/);
  assert.deepEqual(formerLeadersWrites([renewal('a', 0), renewal('a', 2_000), write('a', 11_000)]), []);
});

test('a renewal that was not answered, or refused, renews nothing', () => {
  const lost = renewal('a', 2_000, { answered: false });
  const refused = renewal('a', 4_000, { lease: undefined });
  assert.equal(formerLeadersWrites([renewal('a', 0), lost, refused, write('a', 11_000)]).length, 1);
});

test('no write comes after another one has the Lease, until it is regained', () => {
  const history = [renewal('a', 0), renewal('b', 1_000), write('a', 2_000)];
  assert.match(formerLeadersWrites(history)[0]!, /after b had become leader/);
  assert.deepEqual(
    formerLeadersWrites([renewal('a', 0), renewal('b', 1_000), renewal('a', 1_500), write('a', 2_000)]),
    [],
  );
});

test('where nobody holds a Lease there is nothing to find', () => {
  assert.deepEqual(formerLeadersWrites([write('a', 0), write('b', 1)]), []);
});
