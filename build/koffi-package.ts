import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The native part of koffi for some architecture can't be had, or is not what package-lock.json says. */
export class KoffiPackageError extends Error {
  readonly code = 'KoffiPackage';
  override readonly name = 'KoffiPackageError';
}

/**
 * The directory of koffi's native package for Linux on the given architecture (as npm names it: `x64`, `arm64`).
 * `npm ci` installs the one of its own machine only; another is fetched by `npm pack` in the version of
 * package-lock.json, compared with the integrity given there, and kept in node_modules/.cache.
 * @param root the checkout
 * @throws KoffiPackageError
 */
export async function koffiPackage(root: string, architecture: string): Promise<string> {
  const name = `@koromix/koffi-linux-${architecture}`;
  const { version, integrity } = locked(root, name);
  const installed = join(root, 'node_modules', name);
  if (existsSync(join(installed, 'package.json')) && versionOf(installed) === version) return installed;
  const cache = join(root, 'node_modules', '.cache', 'net-exporter');
  const cached = join(cache, `koffi-linux-${architecture}-${version}`);
  if (existsSync(cached)) return cached;

  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    await npmPack(`${name}@${version}`, work);
    const archive = readdirSync(work).find((file) => file.endsWith('.tgz'));
    if (archive === undefined) throw new KoffiPackageError(`npm pack ${name}@${version} left no archive`);
    checkIntegrity(readFileSync(join(work, archive)), integrity, `${name}@${version}`);
    await run('tar', ['-xzf', join(work, archive), '-C', work]);
    moveInPlace(join(work, 'package'), cached);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cached;
}

/**
 * Compares an archive with its Subresource Integrity value, as package-lock.json holds it.
 * @throws KoffiPackageError when they differ
 */
export function checkIntegrity(archive: Uint8Array, integrity: string, what: string): void {
  const [algorithm = ''] = integrity.split('-');
  const found = `${algorithm}-${createHash(algorithm).update(archive).digest('base64')}`;
  if (found !== integrity)
    throw new KoffiPackageError(`${what} has the integrity ${found}, package-lock.json wants ${integrity}`);
}

function locked(root: string, name: string): { version: string; integrity: string } {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string } | undefined>;
  };
  const entry = lock.packages[`node_modules/${name}`];
  if (entry === undefined) throw new KoffiPackageError(`package-lock.json does not know ${name}`);
  return entry;
}

function versionOf(directory: string): string {
  return (JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string }).version;
}

async function npmPack(specifier: string, directory: string): Promise<void> {
  try {
    await run('npm', ['pack', specifier, '--ignore-scripts', '--silent', '--pack-destination', directory]);
  } catch (error) {
    throw new KoffiPackageError(`npm pack ${specifier} failed: ${(error as { stderr?: string }).stderr || error}`);
  }
}

/** Renames a directory; another process that did the same a moment before is as good. */
function moveInPlace(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
