import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../cluster/command.ts';
import { ObjectAccess } from '../../demo/object-access.ts';
import { isRenewed } from '../../demo/run-lease.ts';

/** The versions of the Lease that are read one after another; the last one stays. Undefined where there is none. */
function reading(...versions: (string | undefined)[]): ObjectAccess {
  return new ObjectAccess(async (args) => {
    const resourceVersion = versions.length > 1 ? versions.shift() : versions[0];
    if (resourceVersion === undefined) throw new CommandError(args, 1, 'Error from server (NotFound)');
    return JSON.stringify({ metadata: { resourceVersion } });
  });
}

const milliseconds = 50;

test('a run whose Lease changes is alive', async () => {
  assert.equal(await isRenewed(reading('1', '1', '2'), { milliseconds }), true);
});

test('a run that has just created its namespace and is about to create its Lease is alive', async () => {
  assert.equal(await isRenewed(reading(undefined, '1'), { milliseconds }), true);
});

test('a run whose Lease stays the same, or that has none, has ended', async () => {
  assert.equal(await isRenewed(reading('1'), { milliseconds }), false);
  assert.equal(await isRenewed(reading(undefined), { milliseconds }), false);
});
