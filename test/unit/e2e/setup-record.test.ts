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
function participant(directory: string) {
  const script = `
    import { SetupRecord } from ${JSON.stringify(module)};
    const setup = await SetupRecord.takeFirst(SetupRecord.in(${JSON.stringify(directory)}));
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
    const [record] = await SetupRecord.create(directory, 1);
    const first = participant(directory);
    await record!.write({ setup });
    await first.began;
    const second = participant(directory);
    const one = await first.end();
    await second.began;
    const two = await second.end();
    assert.deepEqual([one.setup, two.setup], [setup, setup]);
    assert.ok(two.began >= one.ended, `the second began ${one.ended - two.began} ms before the end of the first`);
  }));

test('with two clusters two have one each at the same time, and the third gets the one that comes free first', () =>
  withDirectory(async (directory) => {
    const records = await SetupRecord.create(directory, 2);
    const setups = records.map((_, index) => ({ ...setup, cluster: `e2e-1-${index}` }));
    for (const [index, record] of records.entries()) await record.write({ setup: setups[index]! });
    const [first, second] = [participant(directory), participant(directory)];
    await Promise.all([first.began, second.began]);
    const third = participant(directory);
    const one = await first.end();
    await third.began;
    const [two, three] = [await second.end(), await third.end()];
    assert.deepEqual([one, two].map(({ setup: { cluster } }) => cluster).sort(), ['e2e-1-0', 'e2e-1-1']);
    assert.ok(two.began <= one.ended, 'they had to take turns');
    assert.equal(three.setup.cluster, one.setup.cluster);
    assert.ok(three.began >= one.ended && three.began <= two.ended);
  }));

test('all clusters are had by one when nobody uses any of them', () =>
  withDirectory(async (directory) => {
    for (const record of await SetupRecord.create(directory, 2)) await record.write({ setup });
    const first = participant(directory);
    await first.began;
    const all = Promise.all(SetupRecord.in(directory).map((record) => record.take())).then((setups) => ({
      setups,
      began: Date.now(),
    }));
    const { ended } = await first.end();
    const { setups, began } = await all;
    assert.deepEqual(setups, [setup, setup]);
    assert.ok(began >= ended, `they were had ${ended - began} ms before the end of the first`);
  }));

test('a setup that failed is told to everyone who waits for it', () =>
  withDirectory(async (directory) => {
    const [record] = await SetupRecord.create(directory, 1);
    const turn = record!.take();
    await record!.write({ error: 'no Go on this machine' });
    await assert.rejects(turn, /the setup of the end-to-end tests failed: no Go on this machine/);
  }));
