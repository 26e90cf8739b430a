/** A change of one series between two scrapes; `from` or `to` is undefined where it came or went. */
export interface Move {
  from: number | undefined;
  to: number | undefined;
}

/** The series of two scrapes that are not the same in both, by name and labels as `readSeries` writes them. */
export function movedSeries(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, Move> {
  const moved = new Map<string, Move>();
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [from, to] = [before.get(name), after.get(name)];
    if (!Object.is(from, to)) moved.set(name, { from, to });
  }
  return moved;
}

/**
 * The names of series that move in any process, whatever it probes and whatever becomes of it: its own resources, and
 * how busy the machine is.
 */
export function movesAlways(name: string): boolean {
  return (
    name.startsWith('process_') ||
    name === 'net_exporter_scheduler_lag_seconds' ||
    name === 'net_exporter_turns_skipped_total{reason="late"}'
  );
}
