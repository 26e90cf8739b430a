import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownedDirectory } from '../../cluster/owned-name.ts';
import { SetupRecord, type SharedSetup } from '../../e2e/setup-record.ts';

const module = join(import.meta.dirname, '../../e2e/setup-record.ts');
const setup = { cluster: 'e2e-1', prometheus: 'http://127.0.0.1:9090' };

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = ownedDirectory('setup-record');
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * A process that takes its turn and ends when its input does. It says when its turn began and when it ended, and what
 * it was given.
 */
function participant(directory: string, { shared = false } = {}) {
  const script = `
    import { SetupRecord } from ${JSON.stringify(module)};
    const setup = await new SetupRecord(${JSON.stringify(directory)}).takeTurn({ shared: ${shared} });
    console.log(JSON.stringify({ began: Date.now(), setup }));
    process.on('exit', () => console.log(JSON.stringify({ ended: Date.now() })));
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const closed = once(child, 'close');
  return {
    began: once(child.stdout, 'data'),
    end: async (): Promise<{ began: number; setup: SharedSetup; ended: number }> => {
      child.stdin.end();
      assert.deepEqual(await closed, [0, null]);
      return Object.assign(
        {},
        ...said
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as object),
      );
    },
  };
}

test('a turn waits for the setup, and the next turn begins when the process of this one has ended', () =>
  withDirectory(async (directory) => {
    const record = new SetupRecord(directory);
    const first = participant(directory);
    await record.write({ setup });
    await first.began;
    const second = participant(directory);
    const one = await first.end();
    await second.began;
    const two = await second.end();
    assert.deepEqual([one.setup, two.setup], [setup, setup]);
    assert.ok(two.began >= one.ended, `the second began ${one.ended - two.began} ms before the end of the first`);
  }));

test('turns that are shared last at the same time, and the next one that is not begins when both have ended', () =>
  withDirectory(async (directory) => {
    await new SetupRecord(directory).write({ setup });
    const first = participant(directory, { shared: true });
    await first.began;
    const second = participant(directory, { shared: true });
    await second.began;
    const alone = participant(directory);
    const one = await first.end();
    const late = participant(directory);
    const two = await second.end();
    const [third, fourth] = await Promise.all([alone, late].map(async (each) => each.began.then(() => each.end())));
    assert.ok(two.began <= one.ended, 'they had to take turns');
    for (const { began } of [third!, fourth!]) assert.ok(began >= two.ended, `${began - two.ended} ms`);
    const [earlier, later] = [third!, fourth!].sort((a, b) => a.began - b.began);
    assert.ok(later!.began >= earlier!.ended);
  }));

test('a setup that failed is told to everyone who waits for it', () =>
  withDirectory(async (directory) => {
    const record = new SetupRecord(directory);
    const turn = record.takeTurn();
    await record.write({ error: 'no Go on this machine' });
    await assert.rejects(turn, /the setup of the end-to-end tests failed: no Go on this machine/);
  }));
