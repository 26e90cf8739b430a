/** What Grafana replaces by the value of a variable, or of the cell that is clicked. */
export function placeholder(name: string): string {
  return `\${${name}}`;
}
