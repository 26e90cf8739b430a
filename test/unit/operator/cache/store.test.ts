import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Store, type StoreChange } from '../../../../src/operator/cache/store.ts';

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
      ['kept', { object: { owner: 'z' }, version: '2' }],
      ['new', { object: { owner: '' }, version: '3' }],
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
  assert.throws(() => setUp().store.byIndex('colour', 'red'), /unknown index colour/);
});

test('a version that is there already is no change', () => {
  const { store, changes } = setUp();
  store.set('a', { owner: 'x' }, '5');
  store.replace(new Map([['a', { object: { owner: 'x' }, version: '5' }]]));
  assert.equal(changes.length, 1);
});

test('whatever happens, an index holds exactly what a search through everything would find', () => {
  const owner = fc.constantFrom('', 'x', 'y', 'z');
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const content = fc.dictionary(key, owner);
  const step = fc.oneof(fc.record({ set: key, owner }), fc.record({ delete: key }), fc.record({ replace: content }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { store, changes } = setUp();
      const model = new Map<string, string>();
      for (const action of steps) {
        if ('set' in action) {
          store.set(action.set, { owner: action.owner });
          model.set(action.set, action.owner);
        } else if ('delete' in action) {
          store.delete(action.delete);
          model.delete(action.delete);
        } else {
          const objects = Object.entries(action.replace);
          store.replace(new Map(objects.map(([key, owner]) => [key, { object: { owner }, version: undefined }])));
          model.clear();
          for (const [key, owner] of objects) model.set(key, owner);
        }
        for (const value of ['x', 'y', 'z'])
          assert.equal(
            store.byIndex('owner', value).length,
            [...model.values()].filter((owner) => owner === value).length,
          );
        assert.deepEqual([...store.values()].map(({ owner }) => owner).sort(), [...model.values()].sort());
      }
      // What the listener was told leads to the same content.
      const told = new Map<string, string>();
      for (const { key, after } of changes) after ? told.set(key, after.owner) : told.delete(key);
      assert.deepEqual(new Map([...told].sort()), new Map([...model].sort()));
    }),
  );
});

test('a listener that throws for one object is told of the others, and the store holds them all', () => {
  const { store } = setUp();
  const told: string[] = [];
  const faults: string[] = [];
  store.onChange(({ key }) => {
    if (key === 'bad') throw new TypeError('a fault');
    told.push(key);
  });
  assert.throws(() => store.set('bad', { owner: 'x' }), /a fault/, 'nobody takes it');
  store.onFault((key, error) => faults.push(`${key}: ${error}`));
  const object = { object: { owner: 'x' }, version: '2' };
  store.replace(
    new Map([
      ['a', object],
      ['bad', object],
      ['z', object],
    ]),
  );
  store.delete('bad');
  assert.deepEqual(told, ['a', 'z']);
  assert.deepEqual(faults, ['bad: TypeError: a fault', 'bad: TypeError: a fault']);
  assert.equal(store.size, 2);
  store.onRewound(() => {
    throw new TypeError('another one');
  });
  store.rewound();
  assert.equal(faults.at(-1), ': TypeError: another one');
});
