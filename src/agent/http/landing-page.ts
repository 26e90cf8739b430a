const links: [path: string, what: string][] = [
  ['/metrics', 'metrics'],
  ['/-/healthy', 'whether it is alive'],
  ['/-/ready', 'whether it is ready'],
  ['/blackbox', 'a page to probe'],
];

/** What a human sees who opens an agent's address. */
export function landingPage(version: string): string {
  const items = links.map(([path, what]) => `<li><a href="${path}">${path}</a> ${what}</li>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>NetExporter agent</title></head>
<body>
<h1>NetExporter agent</h1>
<p>Version ${version}. Measures DNS and the pod network from this node.</p>
<ul>
${items}
</ul>
</body>
</html>
`;
}
