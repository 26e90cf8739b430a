/**
 * Whether a name is one of the cluster's own: of a Service or pod (`name.namespace.svc`, with or without the cluster's
 * domain), or a single label, which is looked up in the domains of the search list only.
 * @param host as in `spec.dns.hosts`
 */
export function isClusterName(host: string): boolean {
  const labels = host.toLowerCase().replace(/\.$/, '').split('.');
  if (labels.length === 1) return !host.endsWith('.');
  return labels.slice(2).some((label) => label === 'svc' || label === 'pod');
}
