import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { importRules, isFile, rulesFile, specifier } from './import-rules.ts';
import { importsOf } from './imports.ts';
import { roomOf, rooms } from './rooms.ts';

const root = join(import.meta.dirname, '../../..');
const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const names = Object.keys(rooms);

test('every file of src and charts stands in a room that has a rule', () => {
  const homeless = globSync('{src,charts}/**/*.ts', { cwd: root }).filter((file) => roomOf(file) === undefined);
  assert.deepEqual(homeless, [], 'give their folder a row in test/unit/rooms/rooms.ts');
});

test('a room may import only what stands above it in the table', () => {
  for (const [index, name] of names.entries())
    for (const other of rooms[name]!)
      if (other !== 'package.json') assert.ok(names.slice(0, index).includes(other), `${name} may import ${other}`);
});

test('the linter has the rules that the table says', () => {
  assert.deepEqual(
    read(rulesFile).overrides,
    importRules(),
    'run `npx node test/unit/rooms/import-rules.ts && npm run format`',
  );
});

test('an import that the table does not allow is refused by the linter, for any two rooms', () => {
  const outside = ['test', 'bench', 'soak', 'build', 'package.json'];
  const fileOf = (room: string) => (isFile(room) ? room : `${room}/imports.ts`);
  const others = (room: string) => [...names, ...outside].filter((other) => other !== room);
  const refused = refusedImports(new Map(names.map((room) => [fileOf(room), others(room)])));
  for (const room of names)
    assert.deepEqual(
      refused.get(fileOf(room)),
      others(room).filter((other) => !rooms[room]!.includes(other)),
      `what ${room} may not import`,
    );
});

test('a way around through an allowed room is refused, too', () => {
  const file = 'src/operator/cache/imports.ts';
  const refused = refusedImports(new Map([[file, ['../kube/../apply/applier.ts', '../cache/../apply/applier.ts']]]));
  assert.equal(refused.get(file)?.length, 2);
});

test('what files import, types included, is what their rooms may import', () => {
  const others: string[] = [];
  for (const [file, imports] of importsOf(root)) {
    const room = roomOf(file)!;
    const mayImport = [room, ...rooms[room]!];
    for (const imported of imports)
      if (!mayImport.includes(roomOf(imported) ?? imported)) others.push(`${file} imports ${imported}`);
  }
  assert.deepEqual(others, []);
});

test('no files of src and charts import each other in a circle, types included', () => {
  assert.deepEqual(circlesIn(importsOf(root)), []);
});

test('files that import each other in a circle are found, also by types only', () => {
  inFolder((folder) => {
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/a.ts'), "import type { B } from './b.ts';\nexport type A = B;\n");
    writeFileSync(join(folder, 'src/b.ts'), "export type B = import('./c.ts').C;\n");
    writeFileSync(join(folder, 'src/c.ts'), "export {\n  A as C,\n} from './a.ts';\n");
    assert.deepEqual(circlesIn(importsOf(folder)), ['src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts']);
  });
});

/** One circle for each import that closes one. */
function circlesIn(imports: Map<string, string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (done.has(file) || path.includes(file)) return;
    path.push(file);
    for (const imported of imports.get(file) ?? []) visit(imported);
    path.pop();
    done.add(file);
  };
  for (const file of imports.keys()) visit(file);
  return circles;
}

function inFolder<T>(run: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'rooms-'));
  try {
    return run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Writes files that import from rooms, or by specifiers that begin with a dot, and lints them.
 * @returns by file, what the linter refuses of it
 */
function refusedImports(files: Map<string, string[]>): Map<string, string[]> {
  return inFolder((folder) => {
    for (const [file, imports] of files) {
      mkdirSync(join(folder, posix.dirname(file)), { recursive: true });
      const lines = imports.map((target) => {
        const path = isFile(target) ? target : `${target}/other.ts`;
        return `import '${target.startsWith('.') ? target : specifier(posix.dirname(file), path)}';\n`;
      });
      writeFileSync(join(folder, file), lines.join(''));
    }
    copyFileSync(join(root, rulesFile), join(folder, rulesFile));
    // The overrides of biome.json itself are no import rules, and name files that are not in the folder.
    const config = { ...read('biome.json'), vcs: { enabled: false }, overrides: [] };
    writeFileSync(join(folder, 'biome.json'), JSON.stringify(config));
    const biome = join(root, 'node_modules/.bin/biome');
    const options = ['--only=style/noRestrictedImports', '--max-diagnostics=none', '--reporter=rdjson'];
    const { stdout } = spawnSync(biome, ['lint', ...options, '.'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 2 ** 27,
    });
    const refused = new Map<string, string[]>([...files.keys()].map((file) => [file, []]));
    for (const { location } of (JSON.parse(stdout) as Diagnostics).diagnostics) {
      const file = posix.normalize(location.path);
      refused.get(file)!.push(files.get(file)![location.range.start.line - 1]!);
    }
    for (const [file, list] of refused)
      refused.set(
        file,
        files.get(file)!.filter((target) => list.includes(target)),
      );
    return refused;
  });
}

interface Diagnostics {
  diagnostics: { location: { path: string; range: { start: { line: number } } } }[];
}
