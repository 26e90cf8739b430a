import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Store, type StoreChange } from '../../../../src/operator/kube/store.ts';

interface Thing {
  owner: string;
}

function setUp() {
  const store = new Store<Thing>({ owner: ({ owner }) => (owner === '' ? [] : [owner]) });
  const changes: StoreChange<Thing>[] = [];
  store.onChange((change) => changes.push(change));
  return { store, changes };
}

test('an object is found under its index until it changes or goes', () => {
  const { store } = setUp();
  const [a, b] = [{ owner: 'x' }, { owner: 'x' }];
  store.set('a', a);
  store.set('b', b);
  assert.deepEqual(store.byIndex('owner', 'x'), [a, b]);
  store.set('a', { owner: 'y' });
  assert.deepEqual(store.byIndex('owner', 'x'), [b]);
  store.delete('b');
  assert.deepEqual(store.byIndex('owner', 'x'), []);
  assert.deepEqual(store.byIndex('owner', 'y'), [{ owner: 'y' }]);
});

test('replacing deletes what is no longer there, and tells of each change', () => {
  const { store, changes } = setUp();
  store.set('gone', { owner: 'x' });
  store.set('kept', { owner: 'x' });
  changes.length = 0;
  store.replace(
    new Map([
      ['kept', { owner: 'z' }],
      ['new', { owner: '' }],
    ]),
  );
  assert.deepEqual(changes, [
    { key: 'gone', before: { owner: 'x' }, after: undefined },
    { key: 'kept', before: { owner: 'x' }, after: { owner: 'z' } },
    { key: 'new', before: undefined, after: { owner: '' } },
  ]);
  assert.equal(store.size, 2);
  assert.deepEqual(store.byIndex('owner', 'x'), []);
});

test('deleting what is not there changes nothing', () => {
  const { store, changes } = setUp();
  store.delete('a');
  assert.deepEqual(changes, []);
});

test('an index that does not exist is a mistake', () => {
  assert.throws(() => setUp().store.byIndex('colour', 'red'), /no index colour/);
});
