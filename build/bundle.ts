import { build } from 'esbuild';
import { builtinModules } from './builtin-modules.ts';
import { promClientParts } from './prom-client-parts.ts';

export interface BundleOptions {
  /** The checkout, as an absolute path. */
  root: string;
  /** The source file to start from, relative to the root. */
  entry: string;
  /** The file to write. */
  file: string;
  /**
   * Does not shorten names. A longer file, but names that are both short and kept cost time whenever a closure is made.
   */
  longNames?: boolean;
}

/** CommonJS packages within an ES module still call `require` for Node's own modules. */
const requireForCommonJs = "const require=process.getBuiltinModule('node:module').createRequire(import.meta.url);";

/**
 * Bundles a program and its packages to one minified ES module for Node 26.
 * @returns the packages that went in, as paths below the root (`node_modules/koa`), sorted
 */
export async function bundle({ root, entry, file, longNames = false }: BundleOptions): Promise<{ packages: string[] }> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    minifyWhitespace: true,
    minifySyntax: true,
    minifyIdentifiers: !longNames,
    // Readable stack traces and metric labels (`constructor.name`) are worth their few bytes.
    keepNames: !longNames,
    metafile: true,
    plugins: [builtinModules, promClientParts],
    legalComments: 'none',
    banner: { js: requireForCommonJs },
    logLevel: 'warning',
  });
  const packages = Object.keys(metafile.inputs).map(packageOf);
  return { packages: [...new Set(packages)].filter((name) => name !== undefined).sort() };
}

/** The innermost package that a file belongs to. */
function packageOf(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}
