import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

interface LockedPackage {
  /** Present where it differs from the name of the directory, as for an alias. */
  name?: string;
  resolved?: string;
  link?: boolean;
}

const root = join(import.meta.dirname, '../../..');
const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const { packages } = read('package-lock.json') as { packages: Record<string, LockedPackage> };
const installed = Object.entries(packages).filter(([path]) => path.includes('node_modules/'));

test('no package is an alias for a third-party package of another name', () => {
  assert.ok(installed.length >= 100);
  for (const [path, { name }] of installed)
    if (name !== undefined) assert.equal(name, path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
});

test('backport, an unused optional dependency of cdk8s-plus-27, is the empty package of this repository', () => {
  const backports = installed.filter(([path]) => path.endsWith('node_modules/backport'));
  assert.deepEqual(backports, [['node_modules/backport', { resolved: 'build/empty-package', link: true }]]);
  const { name, dependencies, scripts, main } = read('build/empty-package/package.json');
  assert.deepEqual(
    { name, dependencies, scripts, main },
    { name: 'backport', dependencies: undefined, scripts: undefined, main: undefined },
  );
});
