import type { TargetReport } from '../../protocol/report.ts';

/** What a target is apart from what became of the attempts at it. Agents that probe the same share one object. */
export type Link = Readonly<Pick<TargetReport, 'probe' | 'host' | 'server' | 'protocol' | 'type' | 'node' | 'zone'>>;

interface Entry {
  link: Link;
  uses: number;
}

/**
 * The targets of all agents, each once, since every one of them is probed by several: held as long as somebody uses it.
 */
export class LinkTable {
  readonly #entries = new Map<string, Entry>();

  /** How many targets are in use. */
  get size(): number {
    return this.#entries.size;
  }

  /** @returns the object that stands for a target; undefined where nobody uses it */
  find(target: Link): Link | undefined {
    return this.#entries.get(keyOf(target))?.link;
  }

  /** Takes one more use of a target. @returns the object that stands for it */
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

  /** Gives one use back. */
  release(link: Link): void {
    const key = keyOf(link);
    const entry = this.#entries.get(key)!;
    if (--entry.uses === 0) this.#entries.delete(key);
  }
}

/** Whether two are the same target. */
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
