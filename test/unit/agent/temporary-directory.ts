import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ownedDirectory } from '../../cluster/owned-name.ts';

/** A directory that goes with the block that made it. */
export class TemporaryDirectory implements Disposable {
  readonly path = ownedDirectory('test');

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
