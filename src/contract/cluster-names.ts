/**
 * Names of the cluster: of Services and pods (`name.namespace.svc`, with or without the cluster's domain), or a single
 * label, which is looked up in the domains of the search list only. For hosts as in `spec.dns.hosts`, as a regular
 * expression for the whole text that JavaScript and RE2 read the same.
 */
export const clusterNamePattern = '[^.]*|[^.]*[.][^.]*[.](.*[.])?(?i:svc|pod)([.].*)?';
