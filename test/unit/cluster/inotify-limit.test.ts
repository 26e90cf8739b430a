import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { neededLimit } from '../../cluster/inotify-limit.ts';

describe('the limit of inotify instances', () => {
  it("is left alone where it is high enough, as a desktop's is for three nodes", () => {
    assert.equal(neededLimit(3, 10, 128), undefined);
    assert.equal(neededLimit(200, 100, 8192), undefined);
  });

  it('is raised for many nodes, by what they need beside what is in use', () => {
    const twelve = neededLimit(12, 0, 128)!;
    assert.ok(twelve > 128);
    assert.equal(neededLimit(12, 40, 128), twelve + 40);
    assert.ok(neededLimit(30, 0, 128)! >= 30 * 8, 'a node at work was seen to hold eight');
  });
});
