import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../../src/base/clock.ts';
import { JudgedOperator } from '../../judge/judged-operator.ts';
import { emptySource, serveApi, sourceOf } from './api-rig.ts';

const standbySource = { ...emptySource, isLeading: () => false, leaderAddress: () => '127.0.0.1' };

/** A leader, and a standby that passes requests on to it. */
async function pair() {
  const operator = await new JudgedOperator().run(30);
  const leader = await serveApi(sourceOf(operator), { podName: 'the-leader' });
  const standby = await serveApi(standbySource, { clock: systemClock, leaderPort: leader.port });
  return { leader, standby };
}

test('a standby answers what the leader answers', async () => {
  const { leader, standby } = await pair();
  for (const path of ['/api/v1/nodes?limit=3', '/api/v1/report.txt']) {
    const [own, passedOn] = [await leader.get(path), await standby.get(path)];
    assert.equal(passedOn.status, 200);
    assert.equal(passedOn.body, own.body);
    assert.match(passedOn.body, /the-leader/);
    for (const name of ['content-type', 'etag', 'content-security-policy', 'x-content-type-options'] as const)
      assert.equal(passedOn.headers[name], own.headers[name], name);
    const { status } = await standby.get(path, { 'if-none-match': String(own.headers.etag) });
    assert.equal(status, 304);
  }
  assert.deepEqual((await standby.get('/api/v1/nodes', {}, 'HEAD')).body, '');
});

test('what is wrong with a request, the standby says itself', async () => {
  const { standby } = await pair();
  assert.equal((await standby.get('/api/v1/nodes?limit=0')).status, 400);
  assert.equal((await standby.get('/api/v1/nothing')).status, 404);
  assert.equal((await standby.get('/api/v1/nodes', { host: 'example.com' })).status, 421);
});

test('a request is passed on once: two replicas that take each other for the leader do not send it round', async () => {
  const second = await serveApi(standbySource, { clock: systemClock, leaderPort: 1 });
  const first = await serveApi(standbySource, { clock: systemClock, leaderPort: second.port });
  const { status, headers, body } = await first.get('/api/v1/status');
  assert.deepEqual([status, headers['retry-after']], [503, '5']);
  assert.match(body, /No replica of the operator leads at present\./);
  assert.deepEqual([first.refusals, second.refusals], [[], ['no_leader']]);
});

test('without a leader, or with one that does not answer, a standby says so and when to ask again', async () => {
  const leaderless = await serveApi({ ...standbySource, leaderAddress: () => undefined });
  const deserted = await serveApi(standbySource, { clock: systemClock, leaderPort: 1 });
  for (const [api, sentence] of [
    [leaderless, 'No replica of the operator leads at present.'],
    [deserted, 'The leader of the operator does not answer.'],
  ] as const) {
    const { status, headers, body } = await api.get('/api/v1/status');
    assert.deepEqual([status, headers['retry-after'], JSON.parse(body)], [503, '5', { error: sentence }]);
    assert.deepEqual(api.refusals, ['no_leader']);
  }
});
