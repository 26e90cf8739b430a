import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { imageCommand, imageEnvironment } from '../../../bench/measured-operator.ts';

describe('the command line of the image', () => {
  it('is that of the Dockerfile, with Node first and the bundle in it', () => {
    const command = imageCommand(readFileSync(join(import.meta.dirname, '../../../Dockerfile.operator'), 'utf8'));
    assert.equal(command[0], '/usr/local/bin/node');
    assert.ok(command.includes('/app/main.mjs'));
  });

  it('has to be a list', () => {
    assert.throws(() => imageCommand('FROM scratch\nENTRYPOINT node main.mjs\n'), /no ENTRYPOINT/);
  });
});

describe('the variables of the image', () => {
  it('are those that the Dockerfile sets', () => {
    assert.deepEqual(imageEnvironment('FROM scratch\nENV A=1\n# ENV B=2\nENV C_=x-y\n'), { A: '1', C_: 'x-y' });
  });
});
