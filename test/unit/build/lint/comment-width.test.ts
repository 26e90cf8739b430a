import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { maxColumns, wideComments } from '../../../../build/lint/comment-width.ts';
import { TemporaryDirectory } from '../../agent/temporary-directory.ts';

const words = (columns: number) =>
  'a b '
    .repeat(columns)
    .slice(0, columns - 1)
    .concat('c');
const linesOf = (text: string) => wideComments(text).map(({ line }) => line);

test('a comment may have as many columns as code, and no more', () => {
  for (const [before, after] of [
    ['// ', ''],
    ['    // ', ''],
    ['/** ', ' */'],
    ['/* ', ' */'],
    ['/// ', ''],
  ] as const) {
    const free = maxColumns - before.length - after.length;
    assert.deepEqual(wideComments(`${before}${words(free)}${after}`), [], before);
    assert.deepEqual(
      wideComments(`${before}${words(free + 1)}${after}`),
      [{ line: 1, columns: maxColumns + 1 }],
      before,
    );
  }
});

test('each line of a block counts, whatever it starts with, and none after the block', () => {
  const long = words(maxColumns);
  assert.deepEqual(
    linesOf(['/**', ` * ${long}`, ' * short', `   ${long}`, ` * ${long} */`, long].join('\n')),
    [2, 4, 5],
  );
});

test('columns are characters, not bytes', () => {
  assert.deepEqual(wideComments(`// ${'µ '.repeat(58)}µ`), []);
});

test('a word that does not fit may stand alone', () => {
  const url = `https://example.com/${'x'.repeat(maxColumns)}`;
  assert.deepEqual(linesOf(`// ${url}\n/** ${url} */\n/**\n * ${url}\n */\n// See ${url}`), [6]);
});

test('a comment behind code counts; a string that looks like one does not', () => {
  const filler = 'x'.repeat(maxColumns);
  assert.deepEqual(linesOf(`const a = 1; // ${filler}`), [1]);
  assert.deepEqual(linesOf(`const a = 1; /* ${filler} */`), [1]);
  for (const quote of ["'", '"', '`'])
    assert.deepEqual(linesOf(`const a = ${quote}see // or /* in ${filler}${quote};`), [], quote);
  assert.deepEqual(linesOf(`const a = 'http://${filler}';`), []);
});

test('the check names each place, of every folder, and fails', () => {
  using directory = new TemporaryDirectory();
  cpSync('build/lint/comment-width.ts', directory.file('build/lint/comment-width.ts'));
  writeFileSync(directory.file('package.json'), '{"type": "module"}');
  const run = () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [directory.file('build/lint/comment-width.ts')], {
      encoding: 'utf8',
    });
    return { status, lines: `${stdout}${stderr}`.trim().split('\n') };
  };
  assert.deepEqual(run(), { status: 0, lines: ['comments: at most 120 columns'] });
  const files = ['bench/a.ts', 'charts/a.ts', 'soak/a.ts', 'src/a/b/c.ts', 'test/a.cjs', 'test/go/a.go'];
  for (const file of files) {
    mkdirSync(directory.file(file.replace(/\/[^/]*$/, '')), { recursive: true });
    writeFileSync(directory.file(file), `\n// ${words(118)}\n`);
  }
  writeFileSync(directory.file('outside.ts'), `// ${words(118)}\n`);
  const { status, lines } = run();
  assert.equal(status, 1);
  assert.deepEqual(
    lines,
    files.map((file) => `${file}:2: comment has 121 columns, at most 120 are allowed; wrap it`),
  );
});
