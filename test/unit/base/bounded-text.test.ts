import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedText, shortened } from '../../../src/base/bounded-text.ts';

test('the beginning of a text is kept, and a short one as it is', () => {
  assert.equal(boundedText('abcdef', 3), 'abc');
  assert.equal(boundedText('äöü…', 10), 'äöü…');
});

test('a long text ends with an ellipsis within the maximum, and a short one stays', () => {
  assert.equal(shortened('abcdef', 6), 'abcdef');
  assert.equal(shortened('abcdef', 5), 'abcd…');
});

test('no character is cut in half', () => {
  assert.equal(shortened('ab😀cd', 4), 'ab…');
  assert.equal(shortened('ab😀cd', 5), 'ab😀…');
});
