import { type Figure, figure, type Goal } from '../bench/figures.ts';
import type { Flood, FloodCounts } from '../bench/flood-process.ts';
import { acceptedReports, type HostileAnswers } from '../bench/hostile-agent.ts';

/** What the floods of a tenant were to do, and what came of it. */
export class HostileTally {
  /** Connections that were accepted, by name of the flood. */
  readonly connections: Record<string, number> = {};
  /** Echo requests that were sent, and those that agents refused because one address sent too many. */
  packets = 0;
  echoesRefused = 0;
  /** How reports were answered. */
  readonly answers: HostileAnswers = {};
  readonly #expected = new Set<Flood['kind']>();

  /** Takes note of floods of somebody who is there: each of them has to come to something in the end. */
  expect(floods: readonly Flood[]): void {
    for (const flood of floods) {
      this.#expected.add(flood.kind);
      if (flood.kind === 'connections') this.connections[flood.name] ??= 0;
    }
  }

  /** Adds what came of the floods of a pod. */
  add({ connections, packets, answers }: FloodCounts): void {
    this.packets += packets;
    // Whoever was not there when it began is not expected to have accepted any.
    for (const [name, count] of Object.entries(connections))
      if (count > 0) this.connections[name] = (this.connections[name] ?? 0) + count;
    for (const [answer, count] of Object.entries(answers)) this.answers[answer] = (this.answers[answer] ?? 0) + count;
  }

  /** Of a whole run: at one moment, whoever is flooded may be starting again. */
  figures(): Figure[] {
    const goal = (kind: Flood['kind']): Goal | undefined => (this.#expected.has(kind) ? { atLeast: 1 } : undefined);
    const connections = Object.values(this.connections);
    const fewest = connections.length === 0 ? 0 : Math.min(...connections);
    return [
      figure('hostile_connections_fewest', fewest, '', goal('connections')),
      figure('hostile_echoes_refused', this.echoesRefused, '', goal('echo')),
      figure('hostile_reports_accepted', acceptedReports(this.answers), '', goal('reports')),
    ];
  }
}
