import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { koffiPackage } from './koffi-package.ts';
import { licenseText } from './licenses.ts';

/** What `docker build` calls an architecture (`TARGETARCH`), and what Node and npm call the same. */
export const architectures = { amd64: 'x64', arm64: 'arm64' } as const;
export type Architecture = keyof typeof architectures;

export interface BuildOptions {
  /** The checkout: where package.json, package-lock.json, src and node_modules are. */
  root: string;
  /**
   * The directory that is written; what it held before is deleted. The Dockerfiles expect it as `dist` in their
   * context.
   */
  out: string;
  /** For which machines the agent's native part is laid out. */
  architectures: readonly Architecture[];
}

/**
 * Writes all that goes into the two images besides Node itself:
 *
 *     operator/main.mjs      the operator, one file
 *     agent/main.mjs         the agent, one file but for koffi's native part
 *     agent/<TARGETARCH>/    node_modules with koffi's package for that architecture, to be put beside main.mjs
 *     LICENSES.txt           beside each main.mjs: the licences of the packages in it
 *
 * Equal sources give equal bytes.
 * @returns the bundles' paths
 * @throws KoffiPackageError when the native part for another architecture can't be had
 */
export async function build({ root, out, architectures: wanted }: BuildOptions): Promise<string[]> {
  rmSync(out, { recursive: true, force: true });
  const files: string[] = [];
  for (const part of ['operator', 'agent']) {
    const file = join(out, part, 'main.mjs');
    const { packages } = await bundle({ root, entry: `src/${part}/main.ts`, file, longNames: part === 'agent' });
    writeFileSync(join(out, part, 'LICENSES.txt'), licenseText(packages.map((name) => join(root, name))));
    files.push(file);
  }
  for (const architecture of wanted) {
    const name = `@koromix/koffi-linux-${architectures[architecture]}`;
    const target = join(out, 'agent', architecture, 'node_modules', name);
    mkdirSync(target, { recursive: true });
    cpSync(await koffiPackage(root, architectures[architecture]), target, { recursive: true });
  }
  return files;
}
