import { markdownDocuments } from '../unit/docs/markdown.ts';

/** Queries of net-exporter's README, which worked before there was this project. */
export const netExporterQueries = ['dns_latency_seconds', 'network_latency_seconds'].flatMap((metric) => {
  const heatMap = `sum by (host, le) (rate(${metric}_bucket[1m]))`;
  return [heatMap, `histogram_quantile(0.9, ${heatMap})`];
});

/** Every query that the documentation gives to users. */
export function documentedQueries(): string[] {
  const fences = markdownDocuments().flatMap(({ fences }) => fences.filter(({ language }) => language === 'promql'));
  return [...new Set(fences.flatMap(({ text }) => queriesIn(text)))];
}

/** The queries in a text: one begins on a line of its own, and goes on while a bracket is open. */
export function queriesIn(text: string): string[] {
  const queries: string[] = [];
  let isOpen = false;
  for (const line of text.split('\n')) {
    const code = line.replace(/#.*/, '').trim();
    if (code === '') continue;
    if (isOpen) queries.push(`${queries.pop()} ${code}`);
    else queries.push(code);
    const count = (bracket: RegExp) => queries.at(-1)!.match(bracket)?.length ?? 0;
    isOpen = count(/\(/g) > count(/\)/g);
  }
  return queries;
}
