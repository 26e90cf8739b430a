import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Everything that results depend on. */
const sources = ['bench/judge', 'src/operator/judge', 'src/operator/plan', 'src/base'];

/** Results of an interrupted benchmark, so that it goes on where it was: those of the same code only. */
export class KeptResults {
  readonly #file: string | undefined;
  readonly #results: Map<string, unknown>;

  /** In memory only, or in a file with these results. */
  constructor(file?: string, results = new Map<string, unknown>()) {
    this.#file = file;
    this.#results = results;
  }

  static async open(): Promise<KeptResults> {
    const file = join(root, 'bench/results', `judge-${await fingerprint()}.jsonl`);
    await mkdir(dirname(file), { recursive: true });
    const text = await readFile(file, 'utf8').catch(() => '');
    // The last line may be incomplete.
    const lines = text.split('\n').filter((line) => line.endsWith(']'));
    return new KeptResults(file, new Map(lines.map((line) => JSON.parse(line) as [string, unknown])));
  }

  /** The result of a job; undefined if there is none yet. */
  of(job: unknown): unknown {
    return this.#results.get(JSON.stringify(job));
  }

  async keep(job: unknown, result: unknown): Promise<void> {
    this.#results.set(JSON.stringify(job), result);
    if (this.#file !== undefined) await appendFile(this.#file, `${JSON.stringify([JSON.stringify(job), result])}\n`);
  }
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of sources)
    for (const name of (await readdir(join(root, folder))).sort())
      if (name.endsWith('.ts')) hash.update(await readFile(join(root, folder, name)));
  return hash.digest('hex').slice(0, 12);
}
