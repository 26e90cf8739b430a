import { writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { rooms } from './rooms.ts';

// node test/unit/rooms/import-rules.ts: writes the rules of the rooms; `npm run format` then lays them out.

/** Packages that a room does without, by the beginning of the room's path, and why. */
const withoutPackages: Record<string, { group: string[]; message: string }> = {
  ...Object.fromEntries(
    ['src/base', 'src/crd', 'src/contract', 'src/protocol'].map((room) => [
      room,
      { group: ['node:fs*', 'node:http*', 'node:dgram'], message: `${room} does no I/O.` },
    ]),
  ),
  'src/agent': {
    group: ['@kubernetes/client-node', 'cdk8s*'],
    message: 'The agent is small: it asks no API server and makes no Kubernetes objects.',
  },
};

/** What biome.json takes these rules from. */
export const rulesFile = 'biome.rooms.json';

/** The lint rules, one a room, by which it imports of ours what it may and nothing else. */
export function importRules(): object[] {
  return Object.entries(rooms).map(([room, mayImport]) => ({
    includes: isFile(room) ? [room] : [`${room}/*.ts`, ...filesIn(room).map((file) => `!${file}`)],
    linter: {
      rules: {
        style: {
          noRestrictedImports: {
            level: 'error',
            options: { patterns: [ofOurs(room, mayImport), ...packagesOf(room)] },
          },
        },
      },
    },
  }));
}

function ofOurs(room: string, mayImport: readonly string[]): { group: string[]; message: string } {
  const from = isFile(room) ? posix.dirname(room) : room;
  const allowed = isFile(room) ? mayImport : [room, ...mayImport];
  const refused = allowed.flatMap(filesIn).filter((file) => !allowed.includes(file));
  return {
    group: [
      ...['./**', '../**'],
      ...allowed.map((other) => `!${specifier(from, isFile(other) ? other : `${other}/*`)}`),
      ...refused.map((file) => specifier(from, file)),
    ],
    message:
      mayImport.length === 0
        ? `${room} imports nothing of ours.`
        : `Of ours, ${room} may import only ${mayImport.join(', ')}.`,
  };
}

function packagesOf(room: string): { group: string[]; message: string }[] {
  return Object.entries(withoutPackages)
    .filter(([beginning]) => room === beginning || room.startsWith(`${beginning}/`))
    .map(([, pattern]) => pattern);
}

/** Rooms of one file that stand in a folder. */
function filesIn(folder: string): string[] {
  return Object.keys(rooms).filter((room) => isFile(room) && posix.dirname(room) === folder);
}

/** How what stands at a path is imported from a folder. */
export function specifier(folder: string, path: string): string {
  const relative = posix.relative(folder, path);
  return relative.startsWith('.') ? relative : `./${relative}`;
}

/** Whether a room is one file. */
export function isFile(room: string): boolean {
  return /\.[a-z]+$/.test(room);
}

if (process.argv[1] === import.meta.filename) {
  const path = join(import.meta.dirname, '../../..', rulesFile);
  writeFileSync(path, JSON.stringify({ overrides: importRules() }));
}
