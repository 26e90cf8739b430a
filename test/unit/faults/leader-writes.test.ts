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

test('one that never held the Lease must not write while another one does', () => {
  const intruder = [renewal('a', 0), renewal('a', 2_000), write('b', 3_000)];
  assert.match(formerLeadersWrites(intruder)[0]!, /^b: PATCH \/x began without the Lease, which a had$/);
  // An answer that was lost, or a Lease that says another holder, makes no leader.
  const lost = renewal('b', 1_000, { answered: false });
  assert.equal(formerLeadersWrites([renewal('a', 0), lost, write('b', 3_000)]).length, 1);
  // Who took it before the record began goes on renewing it.
  assert.deepEqual(formerLeadersWrites([write('a', 0), renewal('a', 1_000), write('a', 1_100)]), []);
});

test('writes that were looked at are not found again, with the Leases of that time still known', () => {
  const history = [renewal('a', 0), write('a', 10_400), write('a', 10_500)];
  assert.equal(formerLeadersWrites(history).length, 2);
  const found = formerLeadersWrites(history, 10_450);
  assert.equal(found.length, 1);
  assert.match(found[0]!, /10500 ms after the last renewal/);
});

test('where nobody holds a Lease there is nothing to find', () => {
  assert.deepEqual(formerLeadersWrites([write('a', 0), write('b', 1)]), []);
});
