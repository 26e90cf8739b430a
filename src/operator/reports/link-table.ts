import type { TargetReport } from '../../protocol/report.ts';

/** Identifies a target in reports. Agents with the same target share one object. */
export type Link = Readonly<Pick<TargetReport, 'probe' | 'host' | 'server' | 'protocol' | 'type' | 'node' | 'zone'>>;

interface Entry {
  link: Link;
  uses: number;
}

/** The targets of all agents, each once, because several agents probe each of them. Kept while it is in use. */
export class LinkTable {
  readonly #entries = new Map<string, Entry>();

  /** Number of targets in use. */
  get size(): number {
    return this.#entries.size;
  }

  /** @returns the shared object of a target; undefined if it is not in use */
  find(target: Link): Link | undefined {
    return this.#entries.get(keyOf(target))?.link;
  }

  /** Adds a use of a target. @returns its shared object */
  use(target: Link): Link {
    const key = keyOf(target);
    const known = this.#entries.get(key);
    if (known) {
      known.uses++;
      return known.link;
    }
    const { probe, host, server, protocol, type, node, zone } = target;
    const link: Link = { probe, host, server, protocol, type, node, zone };
    this.#entries.set(key, { link, uses: 1 });
    return link;
  }

  /** Removes a use. */
  release(link: Link): void {
    const key = keyOf(link);
    const entry = this.#entries.get(key)!;
    if (--entry.uses === 0) this.#entries.delete(key);
  }
}

/** Whether both are the same target. */
export function isSameLink(a: Link, b: Link): boolean {
  return (
    a.host === b.host &&
    a.server === b.server &&
    a.protocol === b.protocol &&
    a.type === b.type &&
    a.node === b.node &&
    a.zone === b.zone &&
    a.probe === b.probe
  );
}

function keyOf({ probe, host, server, protocol, type, node, zone }: Link): string {
  return JSON.stringify([probe, host, server, protocol, type, node, zone]);
}
