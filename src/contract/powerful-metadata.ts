/**
 * What keys of annotations and labels begin with by which others give an object of the operator's kinds more than it
 * says: DNS names, copies in other namespaces, a place in what a sidecar loads. No list is complete, but any other key
 * may come from a mutating admission webhook, which sees the operator's requests before the policy does.
 */
export const powerfulKeys: Readonly<Record<'annotations' | 'labels', readonly string[]>> = {
  annotations: [
    'external-dns.alpha.kubernetes.io/',
    // Services that other clusters use, by Cilium and Istio.
    'io.cilium/',
    'networking.istio.io/',
    'service.cilium.io/',
    // Copies of ConfigMaps in other namespaces.
    'reflector.v1.k8s.emberstack.com/',
    'replicator.v1.mittwald.de/',
    // Restarts of workloads.
    'reloader.stakater.com/',
    // Where Grafana's sidecar puts a file.
    'k8s-sidecar-target-directory',
  ],
  labels: ['grafana_alert', 'grafana_dashboard', 'grafana_datasource', 'grafana_notifier'],
};

/** Whether a key is one of those. */
export function isPowerful(field: 'annotations' | 'labels', key: string): boolean {
  return powerfulKeys[field].some((prefix) => key.startsWith(prefix));
}

/**
 * What OpenShift gives each ServiceAccount: a Secret for its registry, called `<name>-dockercfg-<suffix>`, in `secrets`
 * and `imagePullSecrets`, and since 4.16 its name in an annotation. It pulls images and gives pods nothing else.
 */
export const openShiftPullSecret = {
  annotation: 'openshift.io/internal-registry-pull-secret-ref',
  infix: '-dockercfg-',
} as const;
