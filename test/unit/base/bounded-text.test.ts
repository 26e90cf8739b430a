import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedText } from '../../../src/base/bounded-text.ts';

test('the beginning of a text is kept, and a short one as it is', () => {
  assert.equal(boundedText('abcdef', 3), 'abc');
  assert.equal(boundedText('äöü…', 10), 'äöü…');
});
