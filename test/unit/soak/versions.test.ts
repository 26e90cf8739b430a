import assert from 'node:assert/strict';
import { test } from 'node:test';
import { violations } from '../../../soak/soak.ts';
import { verdict } from '../../../soak/versions.ts';

const outcome = {
  ...{ seconds: { start: 60, tests: 300 }, reported: ['v1.33.13', 'v1.33.13'] },
  ...{ passed: 150, failed: [] as string[], skipped: ['main-job: zone: since 1.35'] },
};
const violated = (change: object) => violations(verdict('1.33', { ...outcome, ...change }));

test('a version holds where every test passed or was skipped', () => {
  assert.deepEqual(violated({}), []);
});

test('a version does not hold with a failed test, without a test, or where another version ran', () => {
  assert.match(violated({ failed: ['sync: an edit'] }).join('\n'), /on Kubernetes 1\.33: sync: an edit/);
  assert.match(violated({ passed: 0 }).join('\n'), /passed_1\.33 is 0/);
  assert.deepEqual(violated({ reported: ['v1.33.13', 'v1.37.2'] }), ['v1.37.2 ran instead of v1.33.13']);
});
