const links: [path: string, description: string][] = [
  ['/metrics', 'metrics in the Prometheus format'],
  ['/-/healthy', 'liveness: 200 while the process runs'],
  ['/-/ready', 'readiness: 200 once the agent probes, 503 before and while it stops'],
  ['/blackbox', 'always 200, a target for other probes'],
];

/** The HTML page at `/`. */
export function landingPage(version: string): string {
  const items = links.map(([path, description]) => `<li><a href="${path}">${path}</a> ${description}</li>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>NetExporter agent</title></head>
<body>
<h1>NetExporter agent</h1>
<p>Version ${version}. Measures DNS and pod-network latency and failures from this node.</p>
<ul>
${items}
</ul>
</body>
</html>
`;
}
