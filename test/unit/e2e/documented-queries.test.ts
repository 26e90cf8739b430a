import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentedQueries, queriesIn } from '../../e2e/documented-queries.ts';

test('a query is a line without its comment, or as many as its brackets take', () => {
  assert.deepEqual(queriesIn('# which\nsum by (a) (\n    b\n  + c\n) > 0   # why\n\nup\n'), [
    'sum by (a) ( b + c ) > 0',
    'up',
  ]);
});

test('the queries of the documentation are found, each once', () => {
  const queries = documentedQueries();
  assert.ok(queries.length >= 8, queries.join('\n'));
  assert.ok(queries.some((query) => query.includes('group_left') && query.endsWith('> 0')));
});
