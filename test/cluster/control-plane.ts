import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatHostPort } from '../../src/base/host-port.ts';
import { type Addresses, clusterDomain } from './addresses.ts';
import { CertificateAuthority } from './certificates.ts';
import { writeKubeconfig } from './kubeconfig.ts';

export const components = ['etcd', 'apiserver', 'controller-manager', 'scheduler'] as const;
export type Component = (typeof components)[number];

export function apiServerUrl(addresses: Addresses): string {
  return `https://${formatHostPort(addresses.hostAddress, 6443)}`;
}

/** The files that the control plane reads, all below the cluster's folder. */
export function controlPlaneFiles(directory: string) {
  const pki = join(directory, 'pki');
  return {
    pki,
    // Another authority, as Kubernetes advises: whoever has its certificates may speak for any user.
    frontProxyPki: join(directory, 'front-proxy-pki'),
    adminKubeconfig: join(directory, 'admin.kubeconfig'),
    controllerManagerKubeconfig: join(directory, 'controller-manager.kubeconfig'),
    schedulerKubeconfig: join(directory, 'scheduler.kubeconfig'),
    admissionConfiguration: join(directory, 'admission-configuration.json'),
    auditPolicy: join(directory, 'audit-policy.json'),
    auditLog: join(directory, 'audit.log'),
    etcdData: join(directory, 'etcd'),
  };
}

/** Makes the authorities, certificates, kubeconfigs and settings of the control plane and of the administrator. */
export async function prepareControlPlane(
  directory: string,
  cluster: string,
  addresses: Addresses,
  authority: CertificateAuthority,
): Promise<void> {
  const files = controlPlaneFiles(directory);
  const { hostAddress, apiServiceAddress } = addresses;
  mkdirSync(files.etcdData, { recursive: true, mode: 0o700 });
  writeFileSync(files.admissionConfiguration, JSON.stringify(admissionConfiguration));
  writeFileSync(files.auditPolicy, JSON.stringify(auditPolicy));
  const serviceNames = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const apiServerHosts = [
    ...[hostAddress, apiServiceAddress, '127.0.0.1', 'localhost'],
    ...[...serviceNames, `kubernetes.default.svc.${clusterDomain}`],
  ];
  const server = apiServerUrl(addresses);
  const client = async (file: string, name: string, commonName: string, organization?: string) => {
    const files = await authority.issue(name, { commonName, ...(organization !== undefined && { organization }) });
    await writeKubeconfig(file, { cluster, server, authority: authority.certificate, client: files });
  };
  const frontProxy = new CertificateAuthority(files.frontProxyPki);
  await Promise.all([authority.create(), authority.createServiceAccountKey(), frontProxy.create()]);
  await Promise.all([
    frontProxy.issue('client', { commonName: 'front-proxy-client' }),
    authority.issue('etcd', { commonName: 'etcd', hosts: [hostAddress] }),
    authority.issue('etcd-client', { commonName: 'kube-apiserver' }),
    authority.issue('apiserver', { commonName: 'kube-apiserver', hosts: apiServerHosts }),
    authority.issue('kubelet-client', { commonName: 'kube-apiserver-kubelet-client', organization: 'system:masters' }),
    authority.issue('controller-manager', { commonName: 'kube-controller-manager', hosts: [hostAddress] }),
    authority.issue('scheduler', { commonName: 'kube-scheduler', hosts: [hostAddress] }),
    client(files.adminKubeconfig, 'admin', 'admin', 'system:masters'),
    client(files.controllerManagerKubeconfig, 'controller-manager-client', 'system:kube-controller-manager'),
    client(files.schedulerKubeconfig, 'scheduler-client', 'system:kube-scheduler'),
  ]);
}

/**
 * As GKE has it for namespaces other than kube-system: pods of the class system-node-critical are admitted only where a
 * ResourceQuota for that class has room for them.
 */
const admissionConfiguration = {
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AdmissionConfiguration',
  plugins: [
    {
      name: 'ResourceQuota',
      configuration: {
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'ResourceQuotaConfiguration',
        limitedResources: [
          {
            resource: 'pods',
            matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] }],
          },
        ],
      },
    },
  ],
};

/**
 * Who did what to which object: no bodies. The first stage of every request is left out, since the last says the same.
 */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
};

/** The command line of a component: real defaults, except what is named here. */
export function componentArguments(
  component: Component,
  { directory, binaries, addresses, authority }: ComponentOptions,
): string[] {
  const files = controlPlaneFiles(directory);
  const pki = (file: string) => join(files.pki, file);
  const { hostAddress } = addresses;
  const etcdUrl = `https://${formatHostPort(hostAddress, 2379)}`;
  const etcdPeerUrl = `https://${formatHostPort(hostAddress, 2380)}`;
  const { key: serviceAccountKey, publicKey } = authority.serviceAccountKey;
  switch (component) {
    case 'etcd':
      return [
        'etcd',
        '--name=cluster',
        `--data-dir=${files.etcdData}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
        `--listen-peer-urls=${etcdPeerUrl}`,
        `--initial-advertise-peer-urls=${etcdPeerUrl}`,
        `--initial-cluster=cluster=${etcdPeerUrl}`,
        '--client-cert-auth',
        `--trusted-ca-file=${authority.certificate}`,
        `--cert-file=${pki('etcd.crt')}`,
        `--key-file=${pki('etcd.key')}`,
        '--peer-client-cert-auth',
        `--peer-trusted-ca-file=${authority.certificate}`,
        `--peer-cert-file=${pki('etcd.crt')}`,
        `--peer-key-file=${pki('etcd.key')}`,
        // The data need not outlive a power cut, and the tests' disks are slow.
        '--unsafe-no-fsync',
        `--quota-backend-bytes=${8 * 1024 ** 3}`,
      ];
    case 'apiserver':
      return [
        join(binaries, 'kube-apiserver'),
        `--bind-address=${hostAddress}`,
        `--advertise-address=${hostAddress}`,
        '--secure-port=6443',
        `--tls-cert-file=${pki('apiserver.crt')}`,
        `--tls-private-key-file=${pki('apiserver.key')}`,
        `--client-ca-file=${authority.certificate}`,
        `--etcd-servers=${etcdUrl}`,
        `--etcd-cafile=${authority.certificate}`,
        `--etcd-certfile=${pki('etcd-client.crt')}`,
        `--etcd-keyfile=${pki('etcd-client.key')}`,
        `--kubelet-certificate-authority=${authority.certificate}`,
        `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
        `--kubelet-client-key=${pki('kubelet-client.key')}`,
        '--kubelet-preferred-address-types=InternalIP',
        `--service-cluster-ip-range=${addresses.serviceNetworks.join(',')}`,
        `--service-account-issuer=https://kubernetes.default.svc.${clusterDomain}`,
        `--service-account-key-file=${publicKey}`,
        `--service-account-signing-key-file=${serviceAccountKey}`,
        `--requestheader-client-ca-file=${join(files.frontProxyPki, 'ca.crt')}`,
        '--requestheader-allowed-names=front-proxy-client',
        '--requestheader-username-headers=X-Remote-User',
        '--requestheader-group-headers=X-Remote-Group',
        '--requestheader-extra-headers-prefix=X-Remote-Extra-',
        `--proxy-client-cert-file=${join(files.frontProxyPki, 'client.crt')}`,
        `--proxy-client-key-file=${join(files.frontProxyPki, 'client.key')}`,
        '--authorization-mode=Node,RBAC',
        '--enable-admission-plugins=NodeRestriction',
        `--admission-control-config-file=${files.admissionConfiguration}`,
        '--allow-privileged',
        `--audit-policy-file=${files.auditPolicy}`,
        `--audit-log-path=${files.auditLog}`,
        // One file: whoever counts requests in it would have to look for the rotated ones.
        '--audit-log-maxsize=10000',
      ];
    case 'controller-manager':
      return [
        join(binaries, 'kube-controller-manager'),
        ...controllerFlags(files.controllerManagerKubeconfig, component),
        `--root-ca-file=${authority.certificate}`,
        `--service-account-private-key-file=${serviceAccountKey}`,
        `--cluster-signing-cert-file=${authority.certificate}`,
        `--cluster-signing-key-file=${authority.key}`,
        '--use-service-account-credentials',
        // By default the tokens for its own controllers take 5 s of every start.
        ...['--kube-api-qps=200', '--kube-api-burst=400'],
        // The nodes' pod networks are fixed by their routes, not handed out.
        '--controllers=*,-node-ipam-controller',
      ];
    case 'scheduler':
      return [join(binaries, 'kube-scheduler'), ...controllerFlags(files.schedulerKubeconfig, component)];
  }

  function controllerFlags(kubeconfig: string, name: string): string[] {
    return [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      `--client-ca-file=${authority.certificate}`,
      `--bind-address=${hostAddress}`,
      `--tls-cert-file=${pki(`${name}.crt`)}`,
      `--tls-private-key-file=${pki(`${name}.key`)}`,
      // There is one of it: after a restart it need not wait for the lease of its predecessor.
      '--leader-elect=false',
    ];
  }
}

export interface ComponentOptions {
  /** The cluster's folder. */
  directory: string;
  /** The folder of the built programs. */
  binaries: string;
  addresses: Addresses;
  authority: CertificateAuthority;
}
