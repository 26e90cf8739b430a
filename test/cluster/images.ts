import { createHash, type Hash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Architecture, architectures, build } from '../../build/build.ts';
import { imageNames } from '../../src/contract/image-names.ts';
import { baseImages, buildBaseImages, type Program, programOf } from './base-images.ts';
import { Buildah } from './buildah.ts';
import { imagesDirectory } from './cache-directories.ts';
import { requireCacheFolder } from './cache-folder.ts';
import { OwnedCgroup } from './owned-cgroup.ts';
import { ownedDirectory, ownerOf } from './owned-name.ts';
import { ensureSystemCommands } from './packages.ts';

export interface Image {
  /** What pods call it. */
  name: string;
  /** An OCI archive that holds it under that name. */
  archive: string;
}

export interface BuildImagesOptions {
  /** Told what takes time. */
  log?: (line: string) => void;
  /** Where the archives are kept. Default: net-exporter/images in the user's cache folder. */
  directory?: string;
}

const root = join(import.meta.dirname, '../..');
const parts = ['operator', 'agent'] as const;
type Part = (typeof parts)[number];

const hour = 3_600_000;
/** Archives beyond this number go, the longest unused first. */
const keptArchives = 6;

/**
 * Builds the two images for this machine from the sources as they are, with the Dockerfiles that users have but base
 * images made of this machine's own Node. An image whose contents have not changed is taken from the cache.
 * @throws CommandError when buildah fails; BuildFailure of esbuild when a bundle does not build
 */
export async function buildImages({
  log = () => {},
  directory = imagesDirectory(),
}: BuildImagesOptions = {}): Promise<Record<Part, Image>> {
  requireCacheFolder(directory);
  const work = ownedDirectory('images', directory);
  try {
    const context = join(work, 'context');
    const ownArchitecture = (Object.keys(architectures) as Architecture[]).filter(
      (name) => architectures[name] === process.arch,
    );
    await build({ root, out: join(context, 'dist'), architectures: ownArchitecture });
    for (const file of ['.dockerignore', 'Dockerfile.operator', 'Dockerfile.agent'])
      cpSync(join(root, file), join(context, file));

    const node = await programOf(process.execPath);
    const names = imageNames(versionOfPackage());
    const base = digestOfFiles([node.executable, ...node.libraries]);
    const images = Object.fromEntries(
      parts.map((part) => {
        const key = keyOf(part, context, names[part], base);
        return [part, { name: names[part], archive: join(directory, key, `net-exporter-${part}.tar`) }];
      }),
    ) as Record<Part, Image>;

    const missing = parts.filter((part) => !existsSync(images[part].archive));
    if (missing.length > 0) await make(missing, images, { work, context, node, log });
    for (const { archive } of Object.values(images)) utimesSync(dirname(archive), new Date(), new Date());
    removeOldArchives(directory);
    return images;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Workplace {
  work: string;
  context: string;
  node: Program;
  log: (line: string) => void;
}

async function make(
  missing: Part[],
  images: Record<Part, Image>,
  { work, context, node, log }: Workplace,
): Promise<void> {
  await ensureSystemCommands(['buildah'], log);
  log(`building the images of ${missing.join(' and ')}`);
  const cgroup = new OwnedCgroup('images');
  try {
    const buildah = await Buildah.open(join(work, 'storage'), cgroup.directories);
    await buildBaseImages(buildah, node, join(work, 'base'));
    for (const part of missing) {
      const { name, archive } = images[part];
      const local = `localhost/net-exporter/${part}`;
      await buildah.build({
        context,
        dockerfile: join(context, `Dockerfile.${part}`),
        name: local,
        buildArguments: baseImages,
      });
      const file = join(work, `${part}.tar`);
      await buildah.save(local, file, name);
      mkdirSync(dirname(archive), { recursive: true });
      renameSync(file, archive);
      log(`${name}: ${(statSync(archive).size / 1e6).toFixed(1)} MB compressed`);
    }
  } finally {
    await cgroup.remove();
  }
}

/** A digest of everything that an image is made of. */
function keyOf(part: Part, context: string, name: string, base: string): string {
  const hash = createHash('sha256').update(`${name}\0${base}\0`);
  const files = globSync([`dist/${part}/**`, `Dockerfile.${part}`, '.dockerignore'], { cwd: context });
  for (const file of files.sort())
    if (statSync(join(context, file)).isFile()) add(hash, file, readFileSync(join(context, file)));
  return hash.digest('hex').slice(0, 32);
}

function digestOfFiles(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths) add(hash, path, readFileSync(path));
  return hash.digest('hex');
}

function add(hash: Hash, name: string, content: Uint8Array): void {
  hash.update(`${name}\0${content.length}\0`).update(content);
}

function versionOfPackage(): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

/** Another cluster may be loading an archive that this checkout does not use: what was used within the hour stays. */
function removeOldArchives(directory: string): void {
  const archives = readdirSync(directory)
    .filter((name) => ownerOf(name) === undefined)
    .map((name) => join(directory, name))
    .sort((a, b) => ageOf(a) - ageOf(b));
  for (const path of archives.slice(keptArchives))
    if (ageOf(path) > hour) rmSync(path, { recursive: true, force: true });
}

function ageOf(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
}
