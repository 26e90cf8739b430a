import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A directory as the kubelet mounts a ConfigMap: each file is a link into `..data`, which is a link to a directory of
 * one version. An update writes a new directory, renames a new link over `..data`, and removes the old directory
 * (kubernetes pkg/volume/util/atomic_writer.go).
 */
export class ConfigMapVolume {
  readonly #directory: string;
  readonly #file: string;
  #version = 0;

  /** @param directory an empty one */
  constructor(directory: string, file: string) {
    this.#directory = directory;
    this.#file = file;
    symlinkSync(join('..data', file), this.path);
  }

  /** The file as a container names it. */
  get path(): string {
    return join(this.#directory, this.#file);
  }

  /** Replaces the content in one step. */
  update(content: string): void {
    const version = `..version_${++this.#version}`;
    mkdirSync(join(this.#directory, version));
    writeFileSync(join(this.#directory, version, this.#file), content);
    const data = join(this.#directory, '..data');
    const before = this.#version > 1 ? readlinkSync(data) : undefined;
    symlinkSync(version, `${data}_tmp`);
    renameSync(`${data}_tmp`, data);
    if (before) rmSync(join(this.#directory, before), { recursive: true });
  }
}
