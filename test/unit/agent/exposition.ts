/** Series of a text exposition: their values by name and labels in alphabetical order, such as `up{a="b",c="d"}`. */
export function readSeries(exposition: string): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of exposition.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', labels = '', value = ''] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === '') throw new Error(`not a sample: ${line}`);
    const sorted = [...labels.matchAll(/[a-z_]+="[^"]*"/g)].map(([label]) => label).sort();
    series.set(sorted.length === 0 ? name : `${name}{${sorted.join(',')}}`, Number(value));
  }
  return series;
}
