import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { LeaseAccess } from '../../../../src/operator/leader/lease-access.ts';
import { FakeClock } from '../../fake-clock.ts';

const place = { namespace: 'n', name: 'operator' };

/** As ApiClient, of an API server that does not answer. */
const silent = (_resource: unknown, _place: unknown, ...rest: unknown[]) =>
  new Promise<never>((_resolve, reject) => {
    const signal = rest.at(-1) as AbortSignal;
    signal.addEventListener('abort', () => reject(new ApiError('Cancelled', 'PATCH /lease was cancelled')));
  });

test('a renewal without a response is reported as a timeout, not as cancelled', async () => {
  const clock = new FakeClock();
  const access = new LeaseAccess({ get: silent, create: silent, mergePatch: silent }, place, clock);
  for (const call of [() => access.read(), () => access.write({}, '1'), () => access.write({}, undefined)]) {
    const called = call();
    clock.advance(3000);
    await assert.rejects(called, { code: 'Timeout', message: 'no response from the API server within 3 s' });
  }
  assert.equal(clock.pending, 0);
});

test('any other failure is reported as it is', async () => {
  const failing = async () => {
    throw new ApiError('Conflict', 'modified');
  };
  const access = new LeaseAccess({ get: failing, create: failing, mergePatch: failing }, place, new FakeClock());
  await assert.rejects(access.write({}, '1'), { code: 'Conflict', message: 'modified' });
});
