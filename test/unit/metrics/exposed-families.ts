/** A metric as a scrape shows it. */
export interface ExposedFamily {
  type: string;
  help: string;
  /** The values seen, by label; `le` of histograms is in `edges`. */
  labels: Map<string, Set<string>>;
  /** Upper edges of buckets without +Inf, in the order of the first series. */
  edges: Set<number>;
}

/** Reads text expositions of one program, together: metrics by name. */
export function exposedFamilies(...expositions: string[]): Map<string, ExposedFamily> {
  const families = new Map<string, ExposedFamily>();
  for (const line of expositions.flatMap((text) => text.split('\n'))) {
    if (line === '') continue;
    const [, keyword, described, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (described !== undefined) {
      const family = families.get(described) ?? { type: '', help: '', labels: new Map(), edges: new Set() };
      family[keyword === 'HELP' ? 'help' : 'type'] = rest!;
      families.set(described, family);
      continue;
    }
    const [, series, labels = ''] = /^([a-z_]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (series === undefined) throw new Error(`not a sample: ${line}`);
    const family = families.get(series) ?? families.get(series.replace(/_(bucket|count|sum)$/, ''));
    if (!family) throw new Error(`sample without TYPE: ${line}`);
    for (const [, label, value] of labels.matchAll(/([a-z_]+)="([^"]*)"/g)) {
      if (label !== 'le') family.labels.set(label!, (family.labels.get(label!) ?? new Set()).add(value!));
      else if (value !== '+Inf') family.edges.add(Number(value));
    }
  }
  return families;
}
