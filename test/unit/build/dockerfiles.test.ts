import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../../..');
const parts = ['operator', 'agent'];

interface Instruction {
  name: string;
  value: string;
}

/**
 * The instructions of a Dockerfile (https://docs.docker.com/reference/dockerfile/), lines joined and comments left out.
 */
function instructionsOf(part: string): Instruction[] {
  const text = readFileSync(join(root, `Dockerfile.${part}`), 'utf8').replaceAll(/^#.*\n/gm, '');
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', value = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      return { name: name.toUpperCase(), value };
    });
}

function finalStage(part: string): Instruction[] {
  const instructions = instructionsOf(part);
  return instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
}

for (const part of parts) {
  test(`nothing runs while the ${part}'s image is built, so that any machine builds for any architecture`, () => {
    assert.deepEqual(
      instructionsOf(part).filter(({ name }) => name === 'RUN' || name === 'SHELL' || name === 'ONBUILD'),
      [],
    );
  });

  test(`the ${part}'s base images are arguments with public defaults`, () => {
    const instructions = instructionsOf(part);
    const argument = (name: string) =>
      instructions.find(({ value }) => value.startsWith(`${name}=`))?.value.split('=')[1];
    assert.match(argument('NODE_IMAGE') ?? '', /^docker\.io\/library\/node:26-/);
    assert.match(argument('BASE_IMAGE') ?? '', /^gcr\.io\/distroless\//);
    assert.deepEqual(
      instructions.filter(({ name }) => name === 'FROM').map(({ value }) => value),
      ['$NODE_IMAGE AS node', '$BASE_IMAGE'],
    );
  });

  test(`the ${part} runs as a user other than root and without a shell`, () => {
    const last = (name: string) => finalStage(part).findLast((instruction) => instruction.name === name)?.value;
    assert.equal(last('USER'), '65532:65532');
    const entrypoint = JSON.parse(last('ENTRYPOINT') ?? '') as string[];
    assert.equal(entrypoint[0], '/usr/local/bin/node');
    assert.equal(entrypoint.at(-1), '/app/main.mjs');
    assert.equal(last('CMD'), undefined);
  });

  test(`the ${part}'s image takes nothing from the checkout but what the build wrote`, () => {
    const copies = finalStage(part).filter(({ name, value }) => name === 'COPY' && !value.startsWith('--from=node '));
    assert.notEqual(copies.length, 0);
    for (const { value } of copies)
      for (const source of value.split(' ').slice(0, -1)) assert.match(source, new RegExp(`^dist/${part}/`));
  });
}

test('both images begin alike, so that a node holds Node once', () => {
  const [operator = [], agent = []] = parts.map((part) => instructionsOf(part).filter(({ name }) => name !== 'ARG'));
  const beginning = operator.slice(0, 4);
  assert.deepEqual(
    beginning.map(({ name }) => name),
    ['FROM', 'FROM', 'COPY', 'COPY'],
  );
  assert.deepEqual(agent.slice(0, 4), beginning);
});

test('the build context is the build’s output and nothing else', () => {
  const rules = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(rules, ['*', '!dist']);
});
