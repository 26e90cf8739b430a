/** What a figure has to reach: either bound or both. */
export interface Goal {
  atLeast?: number;
  atMost?: number;
}

/** One measured number; the form is that of the results file. */
export interface Figure {
  name: string;
  value: number;
  /** `s`, `B`, or `` for a ratio or a count. */
  unit: '' | 's' | 'B';
  /** The goal in words; null where the number is only reported. */
  goal: string | null;
  /** Whether the goal is reached; null where there is none. */
  ok: boolean | null;
}

/** Makes a figure and judges it. A value that is not a number reaches no goal. */
export function figure(name: string, value: number, unit: Figure['unit'], goal?: Goal): Figure {
  if (!goal) return { name, value, unit, goal: null, ok: null };
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = goal;
  return { name, value, unit, goal: goalInWords(goal, unit), ok: value >= atLeast && value <= atMost };
}

/** The figures as lines of text with aligned columns. */
export function table(figures: readonly Figure[]): string {
  const rows = [
    ['figure', 'value', 'goal', ''],
    ...figures.map(({ name, value, unit, goal, ok }) => [
      name,
      quantity(value, unit),
      goal ?? 'reported',
      ok === null ? '' : ok ? 'ok' : 'MISSED',
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A number with its unit as people write it: `25.3 µs`, `19.1 MiB`. */
export function quantity(value: number, unit: Figure['unit']): string {
  if (!Number.isFinite(value)) return 'none';
  const size = Math.abs(value);
  if (unit === 's') {
    if (size >= 1) return `${round(value)} s`;
    return size >= 1e-3 ? `${round(value * 1e3)} ms` : `${round(value * 1e6)} µs`;
  }
  if (unit === 'B') return size >= 2 ** 20 ? `${round(value / 2 ** 20)} MiB` : `${round(value / 1e3)} kB`;
  return round(value);
}

function goalInWords({ atLeast, atMost }: Goal, unit: Figure['unit']): string {
  if (atLeast !== undefined && atLeast === atMost) return `= ${quantity(atLeast, unit)}`;
  const bounds = [
    ...(atLeast === undefined ? [] : [`≥ ${quantity(atLeast, unit)}`]),
    ...(atMost === undefined ? [] : [`≤ ${quantity(atMost, unit)}`]),
  ];
  return bounds.join(' and ');
}

function round(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
