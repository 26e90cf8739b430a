import type { Sample } from '../cluster/prometheus.ts';

/** Labels that a sample must have; others may be there too. */
export type Labels = Record<string, string>;

/** What one scrape of an agent or operator returned. */
export class Metrics {
  readonly #samples = new Map<string, Sample[]>();

  /** Reads the Prometheus text format, version 0.0.4. */
  constructor(text: string) {
    for (const line of text.split('\n')) {
      const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!match) continue;
      const [, name, labels = '', value] = match;
      const sample: Sample = { labels: {}, value: Number(value === '+Inf' ? 'Infinity' : value) };
      for (const [, key, escaped] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
        sample.labels[key!] = escaped!.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character));
      const samples = this.#samples.get(name!);
      if (samples) samples.push(sample);
      else this.#samples.set(name!, [sample]);
    }
  }

  /** The samples of a metric that have these labels. */
  find(name: string, labels: Labels = {}): Sample[] {
    return (this.#samples.get(name) ?? []).filter((sample) =>
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    );
  }

  /** The sum over the samples that have these labels: 0 where there is none. */
  sum(name: string, labels: Labels = {}): number {
    return this.find(name, labels).reduce((total, { value }) => total + value, 0);
  }
}

/** Scrapes an agent or operator. */
export async function scrape(url: string): Promise<Metrics> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return new Metrics(await response.text());
}
