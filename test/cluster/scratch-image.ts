import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './command.ts';

export interface ScratchImage {
  /** Full name with tag. */
  name: string;
  entrypoint: string;
  /** Path in the image → file on this machine. */
  files: Record<string, string>;
  /** The OCI archive to write. */
  archive: string;
}

/**
 * Writes an image that holds nothing but some files, as an archive in the OCI image layout
 * (https://github.com/opencontainers/image-spec/blob/main/image-layout.md). That needs no builder and no root.
 */
export async function writeScratchImage({ name, entrypoint, files, archive }: ScratchImage): Promise<void> {
  const work = await mkdtemp(`${archive}.work-`);
  try {
    const root = join(work, 'root');
    for (const [path, source] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await copyFile(source, join(root, path));
    }
    const layout = join(work, 'layout');
    await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true });
    const layerFile = join(work, 'layer.tar');
    await tar(layerFile, root);
    const layer = await addBlob(layout, 'application/vnd.oci.image.layer.v1.tar', await readFile(layerFile));
    const architecture = arch() === 'x64' ? 'amd64' : arch();
    const platform = { architecture, os: 'linux' };
    const config = await addBlob(layout, 'application/vnd.oci.image.config.v1+json', {
      ...platform,
      config: { Entrypoint: [entrypoint], Env: ['PATH=/'], WorkingDir: '/' },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const manifest = await addBlob(layout, 'application/vnd.oci.image.manifest.v1+json', {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config,
      layers: [layer],
    });
    const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name };
    const index = { schemaVersion: 2, manifests: [{ ...manifest, platform, annotations }] };
    await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    await writeFile(join(layout, 'index.json'), JSON.stringify(index));
    await tar(join(work, 'archive.tar'), layout);
    await rename(join(work, 'archive.tar'), archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

async function addBlob(layout: string, mediaType: string, content: Buffer | object): Promise<Descriptor> {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  const hex = createHash('sha256').update(bytes).digest('hex');
  const file = join(layout, 'blobs', 'sha256', hex);
  await writeFile(file, bytes);
  return { mediaType, digest: `sha256:${hex}`, size: (await stat(file)).size };
}

async function tar(archive: string, directory: string): Promise<void> {
  await run(['tar', '--owner=0', '--group=0', '--numeric-owner', '--sort=name', '-cf', archive, '-C', directory, '.']);
}
