import { chmodSync, copyFileSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Buildah } from './buildah.ts';
import { run } from './command.ts';

/**
 * What a program needs to run: itself, its libraries and the loader, each by the path where the loader looks for it.
 */
export interface Program {
  executable: string;
  libraries: string[];
}

/** The stand-ins for the Dockerfiles' public images. The names are local ones, so that nothing is ever pulled. */
export const baseImages = { NODE_IMAGE: 'localhost/net-exporter/node', BASE_IMAGE: 'localhost/net-exporter/base' };

/** A program of this machine and the libraries that it loads here. */
export async function programOf(executable: string): Promise<Program> {
  return { executable, libraries: parseLdd(await run(['ldd', executable])) };
}

/** The paths in the output of ldd(1), the loader's among them. */
export function parseLdd(output: string): string[] {
  return output.split('\n').flatMap((line) => {
    const path = /^\s*(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1];
    return path === undefined ? [] : [path];
  });
}

/**
 * Builds both base images from this machine's Node and libraries, divided as the public ones are: Node and libatomic in
 * one, the C and C++ libraries and a user `nonroot` in the other.
 * @param directory an empty directory to work in
 */
export async function buildBaseImages(buildah: Buildah, node: Program, directory: string): Promise<void> {
  const withNode = (path: string) => basename(path).startsWith('libatomic.');

  const nodeRoot = join(directory, 'node');
  for (const library of node.libraries.filter(withNode)) copyLibrary(library, nodeRoot);
  copyTo(node.executable, join(nodeRoot, 'usr/local/bin/node'));
  chmodSync(join(nodeRoot, 'usr/local/bin/node'), 0o755);

  const baseRoot = join(directory, 'base');
  for (const library of node.libraries.filter((path) => !withNode(path))) copyLibrary(library, baseRoot);
  for (const name of ['lib', 'lib64']) {
    mkdirSync(join(baseRoot, 'usr', name), { recursive: true });
    symlinkSync(join('usr', name), join(baseRoot, name));
  }
  mkdirSync(join(baseRoot, 'etc'));
  writeFileSync(
    join(baseRoot, 'etc/passwd'),
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n',
  );
  writeFileSync(join(baseRoot, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
  mkdirSync(join(baseRoot, 'tmp'));
  chmodSync(join(baseRoot, 'tmp'), 0o1777);

  const dockerfile = join(directory, 'Dockerfile');
  writeFileSync(dockerfile, 'FROM scratch\nCOPY . /\n');
  await buildah.build({ context: nodeRoot, dockerfile, name: baseImages.NODE_IMAGE });
  await buildah.build({ context: baseRoot, dockerfile, name: baseImages.BASE_IMAGE });
}

/** As distributions ship them: the file under its full name, a link to it under the name that the loader asks for. */
function copyLibrary(path: string, root: string): void {
  // The real path of the directory, since /lib is a link to /usr/lib where directories are merged.
  const directory = join(root, realpathSync(dirname(path)));
  const file = basename(realpathSync(path));
  copyTo(realpathSync(path), join(directory, file));
  if (file !== basename(path)) symlinkSync(file, join(directory, basename(path)));
}

function copyTo(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}
