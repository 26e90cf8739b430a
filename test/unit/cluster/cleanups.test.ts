import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CleanupError, Cleanups } from '../../cluster/cleanups.ts';

const failing = (message: string) => () => Promise.reject(new Error(message));

describe('a clean-up', () => {
  it('runs every step, the newest first, whatever happens to the others', async () => {
    const done: string[] = [];
    const cleanups = new Cleanups();
    cleanups.add('folder', () => done.push('folder'));
    cleanups.add('Prometheus', failing('no answer'));
    cleanups.add('cluster', () => done.push('cluster'));
    cleanups.add('network', () => {
      throw new Error('busy');
    });
    await assert.rejects(cleanups.run(), (error) => {
      assert.ok(error instanceof CleanupError);
      assert.equal(error.message, 'could not remove network: busy; could not remove Prometheus: no answer');
      return true;
    });
    assert.deepEqual(done, ['cluster', 'folder']);
  });

  it('runs each step once, and later the steps that were added since', async () => {
    const done: string[] = [];
    const cleanups = new Cleanups();
    cleanups.add('first', () => done.push('first'));
    await cleanups.run();
    cleanups.add('second', () => done.push('second'));
    await cleanups.run();
    assert.deepEqual(done, ['first', 'second']);
  });

  it('that fails does not hide why it was needed', async () => {
    const logged: string[] = [];
    const cleanups = new Cleanups();
    cleanups.add('cluster', failing('busy'));
    const work = cleanups.after(failing('kubelet ended'), (line) => logged.push(line));
    await assert.rejects(work, { message: 'kubelet ended' });
    assert.deepEqual(logged, ['could not remove cluster: busy']);
  });

  it('that fails after work that succeeded is the failure', async () => {
    const cleanups = new Cleanups();
    cleanups.add('cluster', failing('busy'));
    await assert.rejects(
      cleanups.after(async () => 'result', assert.fail),
      { code: 'CLEANUP_FAILED' },
    );
  });

  it('that succeeds hands the result of the work on', async () => {
    assert.equal(await new Cleanups().after(async () => 'result', assert.fail), 'result');
  });
});
