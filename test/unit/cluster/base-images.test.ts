import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLdd, programOf } from '../../cluster/base-images.ts';

test('the libraries of a program are found with its loader and without the kernel’s own', () => {
  const output = [
    '\tlinux-vdso.so.1 (0x00007f3a9a0d9000)',
    '\tlibatomic.so.1 => /lib/x86_64-linux-gnu/libatomic.so.1 (0x00007f3a9a0be000)',
    '\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f3a99a1e000)',
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007f3a9a0db000)',
    '',
  ].join('\n');
  assert.deepEqual(parseLdd(output), [
    '/lib/x86_64-linux-gnu/libatomic.so.1',
    '/lib/x86_64-linux-gnu/libc.so.6',
    '/lib64/ld-linux-x86-64.so.2',
  ]);
});

test('this machine’s Node loads a C library and a loader', async () => {
  const { libraries } = await programOf(process.execPath);
  assert.ok(libraries.some((path) => /\/libc\.so\.6$/.test(path)));
  assert.ok(libraries.some((path) => /\/ld-linux/.test(path)));
});
