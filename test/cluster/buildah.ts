import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';

export interface BuildOptions {
  context: string;
  dockerfile: string;
  name: string;
  buildArguments?: Record<string, string>;
}

/**
 * Buildah with a storage of its own below one directory: the user's images and settings are neither seen nor touched.
 */
export class Buildah {
  readonly #directory: string;
  readonly #driver: string;
  readonly #cgroups: readonly string[];

  private constructor(directory: string, driver: string, cgroups: readonly string[]) {
    this.#directory = directory;
    this.#driver = driver;
    this.#cgroups = cgroups;
  }

  /**
   * @param directory where the storage goes; to be deleted when it is done with
   * @param cgroups directories that everything it starts joins
   * @throws CommandError when buildah works with neither overlay nor plain copies
   */
  static async open(directory: string, cgroups: readonly string[]): Promise<Buildah> {
    const overlay = await Buildah.#create(join(directory, 'overlay'), 'overlay', cgroups);
    try {
      await overlay.#call(['info']);
      return overlay;
    } catch {
      // No overlay on this file system, as within most containers. A storage has one driver for life, so this is
      // another.
      const copies = await Buildah.#create(join(directory, 'vfs'), 'vfs', cgroups);
      await copies.#call(['info']);
      return copies;
    }
  }

  static async #create(directory: string, driver: string, cgroups: readonly string[]): Promise<Buildah> {
    const buildah = new Buildah(directory, driver, cgroups);
    await mkdir(directory, { recursive: true });
    // Nothing is pulled, so there is no signature to verify; a machine without any policy would be an error.
    await writeFile(buildah.#policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    return buildah;
  }

  /** Builds an image. What two Dockerfiles begin with alike is built once, and the images share its layers. */
  async build({ context, dockerfile, name, buildArguments = {} }: BuildOptions): Promise<void> {
    const settings = Object.entries(buildArguments).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
    // One fixed time for all: equal contents give equal layers, whenever they were built.
    const fixed = [
      '--signature-policy',
      this.#policy,
      '--layers',
      '--timestamp',
      '0',
      '--pull=never',
      '--format',
      'oci',
    ];
    await this.#call(['build', ...fixed, ...settings, '--file', dockerfile, '--tag', name, context]);
  }

  /** Writes an image to an OCI archive whose layers are compressed with zstd: a fifth of gzip's time, and smaller. */
  async save(name: string, archive: string, reference: string): Promise<void> {
    const options = ['--signature-policy', this.#policy, '--format', 'oci', '--compression-format', 'zstd'];
    await this.#call(['push', ...options, name, `oci-archive:${archive}:${reference}`]);
  }

  get #policy(): string {
    return join(this.#directory, 'policy.json');
  }

  /** In a mount namespace of its own: what buildah mounts is gone when it ends, however it ends. */
  async #call(args: string[]): Promise<void> {
    const storage = ['--root', join(this.#directory, 'root'), '--runroot', join(this.#directory, 'run')];
    await run(
      [
        'unshare',
        '--mount',
        '--propagation',
        'private',
        'buildah',
        ...storage,
        '--storage-driver',
        this.#driver,
        ...args,
      ],
      // The user's own configuration may name other drivers, mirrors or mounts.
      {
        cgroups: this.#cgroups,
        env: {
          ...process.env,
          BUILDAH_ISOLATION: 'chroot',
          CONTAINERS_CONF: '/dev/null',
          CONTAINERS_STORAGE_CONF: '/dev/null',
          STORAGE_OPTS: '',
        },
      },
    );
  }
}
