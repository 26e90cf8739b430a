import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorText } from '../../../src/base/error-text.ts';

for (const [thrown, text] of [
  [new TypeError('a fault'), 'TypeError: a fault'],
  ['text', "'text'"],
  [undefined, 'undefined'],
  [Object.create(null), '[Object: null prototype] {}'],
] as const)
  test(`what was thrown as ${text} has a text`, () => {
    assert.equal(errorText(thrown), text);
  });
