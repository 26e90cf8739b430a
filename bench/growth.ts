/** A figure's values by the number of nodes. */
export type ValuesBySize = ReadonlyMap<number, Readonly<Record<string, number>>>;

/** How a figure grew from one number of nodes to a larger one. */
export interface Growth {
  figure: string;
  from: number;
  to: number;
  /** The later value through the earlier one. */
  factor: number;
  /** That, through the factor by which the nodes grew: at most 1 where it does not grow faster than they do. */
  perNode: number;
}

/**
 * How every figure grew up to `to` from the next smaller number of nodes that was measured; nothing where there is
 * none.
 */
export function growthTo(to: number, values: ValuesBySize): Growth[] {
  const from = Math.max(...[...values.keys()].filter((size) => size < to));
  const [before, after] = [values.get(from), values.get(to)];
  if (!before || !after) return [];
  return Object.keys(after).map((figure) => {
    // From nothing to nothing is no growth, and not no number.
    const factor = after[figure] === 0 ? 0 : after[figure]! / before[figure]!;
    return { figure, from, to, factor, perNode: factor / (to / from) };
  });
}
