import { type FileHandle, open } from 'node:fs/promises';
import type { Cluster } from '../../test/cluster/cluster.ts';
import type { ApiObject } from '../../test/faults/cluster-api.ts';
import { podFacts } from './facts.ts';
import { type LogLine, linesIn } from './log-repeats.ts';

/** A log is read in pieces of so many bytes. */
const chunkBytes = 1 << 16;

/** The log of one process. */
interface Followed {
  /** The file may go with its pod; what is open can still be read. */
  file: FileHandle;
  position: number;
  rest: string;
}

/** The logs of all operators, read from where containerd writes them: no kubelet has to answer for that. */
export class OperatorLogs {
  readonly lines: LogLine[] = [];
  readonly #cluster: Pick<Cluster, 'containerLog'>;
  /** By process. */
  readonly #files = new Map<string, Followed>();

  constructor(cluster: Pick<Cluster, 'containerLog'>) {
    this.#cluster = cluster;
  }

  /** Reads what is new. @param pods those of the operator that there are */
  async look(pods: readonly ApiObject[]): Promise<void> {
    for (const pod of pods) await this.#open(pod);
    for (const [process, followed] of this.#files) await this.#read(process, followed);
  }

  async close(): Promise<void> {
    for (const { file } of this.#files.values()) await file.close();
    this.#files.clear();
  }

  async #open({ metadata, ...object }: ApiObject): Promise<void> {
    const { node, restarts } = podFacts({ metadata, ...object });
    const process = `${metadata.name}/${restarts}`;
    if (this.#files.has(process) || node === '') return;
    try {
      const path = this.#cluster.containerLog(node, metadata, 'operator', restarts);
      this.#files.set(process, { file: await open(path), position: 0, rest: '' });
    } catch {
      // It has not been started yet.
    }
  }

  async #read(process: string, followed: Followed): Promise<void> {
    const buffer = Buffer.alloc(chunkBytes);
    for (;;) {
      const { bytesRead } = await followed.file.read(buffer, 0, chunkBytes, followed.position);
      if (bytesRead === 0) return;
      followed.position += bytesRead;
      // Lines are ASCII but for names of others, whose bytes may be cut: they then are so in every line.
      const { lines, rest } = linesIn(buffer.toString('utf8', 0, bytesRead), followed.rest);
      followed.rest = rest;
      for (const { at, text } of lines) this.lines.push({ process, at, text });
    }
  }
}
