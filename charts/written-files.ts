import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The paths of files that are missing, differ, or lie in the generated directory without being generated. Sorted. */
export function outdatedFiles(root: string, directory: string, files: ReadonlyMap<string, string>): string[] {
  const differing = [...files].filter(([path, text]) => read(join(root, path)) !== text).map(([path]) => path);
  return [...differing, ...strayFiles(root, directory, files)].sort();
}

/** Writes the files and deletes others from the generated directory. Returns the paths of those that changed. */
export function writeFiles(root: string, directory: string, files: ReadonlyMap<string, string>): string[] {
  const outdated = outdatedFiles(root, directory, files);
  for (const path of outdated) {
    const text = files.get(path);
    if (text === undefined) {
      rmSync(join(root, path));
      continue;
    }
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return outdated;
}

function strayFiles(root: string, directory: string, files: ReadonlyMap<string, string>): string[] {
  return list(join(root, directory))
    .map((path) => relative(root, path))
    .filter((path) => !files.has(path));
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
