/** Published images of a version. */
export function imageNames(version: string): { operator: string; agent: string } {
  return {
    operator: `ghcr.io/net-exporter/net-exporter-operator:${version}`,
    agent: `ghcr.io/net-exporter/net-exporter-agent:${version}`,
  };
}
