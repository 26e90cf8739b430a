import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkIntegrity, koffiPackage } from '../../../build/koffi-package.ts';
import { ownedDirectory } from '../../cluster/owned-name.ts';

// printf 'hello' | openssl dgst -sha512 -binary | base64
const integrityOfHello =
  'sha512-m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==';

test('an archive that is what package-lock.json says is taken', () => {
  checkIntegrity(Buffer.from('hello'), integrityOfHello, 'koffi');
});

test('an archive that was tampered with is refused by name', () => {
  assert.throws(() => checkIntegrity(Buffer.from('hello!'), integrityOfHello, 'koffi@1.0.0'), {
    name: 'KoffiPackageError',
    code: 'KoffiPackage',
    message: /^koffi@1\.0\.0 has the integrity sha512-.*, package-lock\.json wants sha512-m3HSJ/,
  });
});

test('a package that is installed in the locked version is used as it is', async () => {
  await inCheckout({ locked: '1.2.3', installed: '1.2.3' }, async (root) => {
    assert.equal(await koffiPackage(root, 'x64'), join(root, 'node_modules/@koromix/koffi-linux-x64'));
  });
});

test('a package that was fetched before in the locked version is used, and not one installed in another', async () => {
  await inCheckout({ locked: '1.2.3', installed: '1.2.2' }, async (root) => {
    const cached = join(root, 'node_modules/.cache/net-exporter/koffi-linux-x64-1.2.3');
    mkdirSync(cached, { recursive: true });
    assert.equal(await koffiPackage(root, 'x64'), cached);
  });
});

test('an architecture that package-lock.json does not know is named', async () => {
  await inCheckout({ locked: '1.2.3', installed: '1.2.3' }, async (root) => {
    await assert.rejects(koffiPackage(root, 'pdp11'), {
      code: 'KoffiPackage',
      message: 'package-lock.json does not know @koromix/koffi-linux-pdp11',
    });
  });
});

async function inCheckout(versions: { locked: string; installed: string }, work: (root: string) => Promise<void>) {
  const root = ownedDirectory('koffi');
  try {
    const path = 'node_modules/@koromix/koffi-linux-x64';
    const lock = { packages: { [path]: { version: versions.locked, integrity: integrityOfHello } } };
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
    mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, path, 'package.json'), JSON.stringify({ version: versions.installed }));
    await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
