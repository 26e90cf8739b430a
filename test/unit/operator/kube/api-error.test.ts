import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, errorOfAnswer, errorOfWatchEvent, isTransient } from '../../../../src/operator/kube/api-error.ts';
import { leastDelay, retryDelay } from '../../../../src/operator/kube/retry.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const status = (reason: string, details?: object) =>
  JSON.stringify({ kind: 'Status', reason, message: 'why', details });

for (const [http, reason, code] of [
  [404, 'NotFound', 'NotFound'],
  [409, 'AlreadyExists', 'AlreadyExists'],
  [409, 'Conflict', 'Conflict'],
  [410, 'Expired', 'Gone'],
  [410, 'Gone', 'Gone'],
  [403, 'Forbidden', 'Forbidden'],
  [401, 'Unauthorized', 'Unauthorized'],
  [422, 'Invalid', 'Invalid'],
  [429, 'TooManyRequests', 'TooManyRequests'],
  [503, 'ServiceUnavailable', 'Unavailable'],
  [500, 'InternalError', 'Unavailable'],
  [504, 'Timeout', 'Timeout'],
  [418, 'Teapot', 'Unexpected'],
] as const)
  test(`${http} ${reason} is ${code}`, () => {
    const error = errorOfAnswer(http, status(reason), undefined, now);
    assert.deepEqual([error.code, error.status], [code, http]);
    assert.match(error.message, /^why(; |$)/);
  });

for (const [why, code] of [
  ['context deadline exceeded', 'Timeout'],
  ['net/http: request canceled (Client.Timeout exceeded while awaiting headers)', 'Timeout'],
  ['dial tcp 10.96.0.9:443: connect: connection refused', 'Unavailable'],
] as const)
  test(`an admission webhook that fails with "${why}" is ${code}`, () => {
    const call = 'failed to call webhook: Post "https://slow.policy.svc:443/validate?timeout=10s"';
    const message = `Internal error occurred: failed calling webhook "slow.example.com": ${call}: ${why}`;
    const body = JSON.stringify({ kind: 'Status', status: 'Failure', reason: 'InternalError', message, code: 500 });
    assert.equal(errorOfAnswer(500, body, undefined, now).code, code);
  });

test('an answer that is not of the API is told by its status and its beginning', () => {
  const error = errorOfAnswer(502, '<html>bad gateway</html>', undefined, now);
  assert.deepEqual(
    [error.code, error.message],
    ['Unavailable', 'the API server returned status 502: <html>bad gateway</html>'],
  );
});

test('Retry-After is read as seconds, as a date, and from the Status', () => {
  assert.equal(errorOfAnswer(429, '', '3', now).retryAfterMs, 3000);
  assert.equal(errorOfAnswer(429, '', 'Thu, 01 Jan 2026 00:00:02 GMT', now).retryAfterMs, 2000);
  assert.equal(errorOfAnswer(429, '', 'soon', now).retryAfterMs, undefined);
  assert.equal(
    errorOfAnswer(503, status('ServiceUnavailable', { retryAfterSeconds: 4 }), undefined, now).retryAfterMs,
    4000,
  );
});

test('a watch tells that its version is gone by an event', () => {
  assert.equal(errorOfWatchEvent({ kind: 'Status', code: 410, reason: 'Expired' }).code, 'Gone');
  assert.equal(errorOfWatchEvent({ kind: 'Status', code: 500 }).code, 'Unavailable');
  assert.equal(errorOfWatchEvent(null).code, 'Unavailable');
});

test('a version that the API server does not know (yet) is gone, too: etcd may have been restored to an older state', () => {
  const status = {
    kind: 'Status',
    code: 504,
    reason: 'Timeout',
    message: 'Timeout: Too large resource version: 900, current: 500',
    details: { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 },
  };
  assert.equal(errorOfAnswer(504, JSON.stringify(status), undefined, 0).code, 'Gone');
  assert.equal(errorOfWatchEvent(status).code, 'Gone');
});

test('what nobody has to change passes', () => {
  assert.ok(isTransient(new ApiError('Unavailable', '')));
  assert.ok(!isTransient(new ApiError('Invalid', '')));
  assert.ok(!isTransient(new Error('a fault in the code')));
});

test('a request is sent again only where the API server asks for it, and not for ever', () => {
  const delay = (error: unknown, retries: number) => retryDelay(error, retries, () => 0);
  const tooMany = new ApiError('TooManyRequests', '', { status: 429, retryAfterMs: 2000 });
  assert.equal(delay(tooMany, 0), 2000);
  assert.equal(delay(tooMany, 2), undefined);
  assert.equal(delay(new ApiError('TooManyRequests', ''), 0), 1000);
  assert.equal(delay(new ApiError('Unavailable', '', { status: 503, retryAfterMs: 1000 }), 1), 1000);
  assert.equal(delay(new ApiError('Unavailable', '', { status: 503 }), 0), undefined);
  assert.equal(delay(new ApiError('Unavailable', '', { retryAfterMs: 60_000 }), 0), undefined);
  assert.equal(delay(new Error('no answer'), 0), undefined);
});

test('those who were asked to come later together come back apart', () => {
  const tooMany = new ApiError('TooManyRequests', '', { status: 429, retryAfterMs: 2000 });
  assert.equal(
    retryDelay(tooMany, 0, () => 0.5),
    2250,
  );
  assert.equal(
    leastDelay(tooMany, () => 0.5),
    2250,
  );
});

test('a back-off respects what the API server asks for, within reason', () => {
  const least = (retryAfterMs?: number) => leastDelay(new ApiError('Unavailable', '', { retryAfterMs }), () => 0);
  assert.deepEqual([least(), least(12_000), least(3_600_000)], [0, 12_000, 30_000]);
  assert.equal(
    leastDelay(new Error('a fault in the code'), () => 1),
    0,
  );
});

test('what a role would allow is told with the role; what no role would allow is not', () => {
  const forbidden = (message: string) =>
    errorOfAnswer(403, JSON.stringify({ reason: 'Forbidden', message }), undefined, 0);
  const said =
    'daemonsets.apps "a" is forbidden: User "u" cannot patch resource "daemonsets" in API group "apps" in the namespace "n"';
  assert.equal(
    forbidden(said).message,
    `${said}; grant the verb patch on daemonsets (API group "apps") in the ClusterRole net-exporter-operator, or apply manifests/install.yaml again`,
  );
  const quota = 'pods "a" is forbidden: exceeded quota: few';
  assert.equal(forbidden(quota).message, quota);
});
