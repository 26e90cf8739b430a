import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { identify, isRunning, parseStat } from '../../cluster/processes.ts';

const stat = (name: string, state: string, startTime: string) =>
  `4711 (${name}) ${state} 1 4711 4711 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 7 0 ${startTime} 0 0`;

describe('the identity of a process', () => {
  it('is read from the 3rd, 20th and 22nd field', () => {
    assert.deepEqual(parseStat(stat('kubelet', 'S', '98765')), { state: 'S', threads: 7, startTime: '98765' });
  });

  it('is not confused by brackets and spaces in the name', () => {
    assert.deepEqual(parseStat(stat('a) R 1 (b', 'S', '98765')), { state: 'S', threads: 7, startTime: '98765' });
  });

  it('is unknown where the text is none', () => {
    assert.equal(parseStat(''), undefined);
  });

  it('differs for a stranger that got the same number', () => {
    const ours = { pid: 4711, startTime: '100' };
    assert.equal(
      isRunning(ours, () => ({ state: 'S', threads: 1, startTime: '100' })),
      true,
    );
    assert.equal(
      isRunning(ours, () => ({ state: 'S', threads: 1, startTime: '200' })),
      false,
    );
  });

  it('does not run as a zombie, nor when it is gone', () => {
    const ours = { pid: 4711, startTime: '100' };
    assert.equal(
      isRunning(ours, () => ({ state: 'Z', threads: 1, startTime: '100' })),
      false,
    );
    assert.equal(
      isRunning(ours, () => undefined),
      false,
    );
  });

  it('runs on in its other threads when the first is a zombie', () => {
    const ours = { pid: 4711, startTime: '100' };
    assert.equal(
      isRunning(ours, () => ({ state: 'Z', threads: 2, startTime: '100' })),
      true,
    );
  });

  it('holds for a real process until it ends', async () => {
    const child = spawn('sleep', ['60']);
    const id = identify(child.pid!)!;
    assert.equal(isRunning(id), true);
    child.kill();
    await once(child, 'close');
    assert.equal(isRunning(id), false);
  });
});
