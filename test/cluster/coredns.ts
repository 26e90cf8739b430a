import { type Addresses, clusterDomain, type IpFamily } from './addresses.ts';
import { corednsImage } from './binaries.ts';

const labels = { 'k8s-app': 'kube-dns' };
const metadata = { name: 'coredns', namespace: 'kube-system' };

/** The host outside the cluster, with addresses from the ranges for documentation (RFC 5737, RFC 3849). */
const externalHost: { name: string; addresses: Record<IpFamily, string[]> } = {
  name: 'example.com',
  addresses: { ipv4: ['192.0.2.80'], ipv6: ['2001:db8::80'], dual: ['192.0.2.80', '2001:db8::80'] },
};

/**
 * CoreDNS's configuration. `hosts` falls through, or it would answer SERVFAIL for every name but its own; the root zone
 * at the end answers "no such name" for all that nobody knows, where a real cluster would ask a resolver outside.
 */
export function corefile({ ipFamily }: Pick<Addresses, 'ipFamily'>): string {
  const { name, addresses } = externalHost;
  const hosts = addresses[ipFamily].map((address) => `        ${address} ${name}`);
  return `.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }
    hosts {
${hosts.join('\n')}
        fallthrough
    }
    file /etc/coredns/root.zone .
    prometheus :9153
    cache 30
    loadbalance
    reload
}
`;
}

const rootZone = `$ORIGIN .
$TTL 30
@ IN SOA ns.invalid. nobody.invalid. 1 3600 600 86400 5
@ IN NS ns.invalid.
`;

/** CoreDNS as the upstream manifest deploys it: two replicas behind kube-system/kube-dns. */
export function corednsObjects(addresses: Pick<Addresses, 'ipFamily' | 'dnsServiceAddresses'>): object[] {
  const { ipFamily, dnsServiceAddresses } = addresses;
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'system:coredns' },
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'system:coredns' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: corefile(addresses), 'root.zone': rootZone } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace: 'kube-system', labels },
      spec: {
        selector: labels,
        clusterIP: dnsServiceAddresses[0],
        ...(ipFamily === 'dual' && { ipFamilyPolicy: 'PreferDualStack', clusterIPs: dnsServiceAddresses }),
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
          { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
          { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
        ],
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...metadata, labels },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
        template: { metadata: { labels }, spec: podSpec() },
      },
    },
  ];
}

function podSpec(): object {
  return {
    serviceAccountName: 'coredns',
    priorityClassName: 'system-cluster-critical',
    dnsPolicy: 'Default',
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } },
          },
        ],
      },
    },
    containers: [
      {
        name: 'coredns',
        image: corednsImage,
        imagePullPolicy: 'IfNotPresent',
        args: ['-conf', '/etc/coredns/Corefile'],
        resources: { requests: { cpu: '100m', memory: '70Mi' }, limits: { memory: '170Mi' } },
        ports: [
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
          { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
          { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
        ],
        livenessProbe: { httpGet: { path: '/health', port: 8080 }, initialDelaySeconds: 60, failureThreshold: 5 },
        // Every second: a cluster that just started is ready that much sooner.
        readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
          readOnlyRootFilesystem: true,
        },
        volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'coredns' } }],
  };
}
