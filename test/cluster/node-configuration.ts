import { clusterDomain, type NodeAddresses } from './addresses.ts';
import { pauseImage } from './binaries.ts';

/** Where the built programs are seen by the processes of a node. */
export const nodeBinaries = '/run/cluster-bin';
export const cniConfigurationDirectory = '/var/lib/cni/conf';
/** Where the CNI plugins are that are no built program. */
export const cniScriptsDirectory = '/var/lib/cni/bin';
export const kubeletDirectory = '/var/lib/kubelet';

/** containerd's settings; its root, state and socket are at their usual places in the node's own /var/lib and /run. */
export function containerdConfiguration(): string {
  return `version = 3

[plugins."io.containerd.cri.v1.runtime"]
# The machine may lack CAP_SYS_RESOURCE: no process can then lower its score, and every pod would fail.
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["${nodeBinaries}", "${cniScriptsDirectory}"]
conf_dir = "${cniConfigurationDirectory}"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${pauseImage}"

[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"
`;
}

/** The pod network: a routed point-to-point link for each pod, addresses from the node's ranges, no translation. */
export function cniConfiguration({ podCidrs }: Pick<NodeAddresses, 'podCidrs'>): object {
  const ipv6 = podCidrs.some(isIPv6Prefix);
  const ipv4 = !podCidrs.every(isIPv6Prefix);
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      ...(ipv6 ? [{ type: noDuplicateDetection.name }] : []),
      {
        type: 'ptp',
        ipMasq: false,
        mtu: 1500,
        ipam: {
          type: 'host-local',
          dataDir: '/var/lib/cni/networks',
          ranges: podCidrs.map((subnet) => [{ subnet }]),
          routes: [...(ipv4 ? [{ dst: '0.0.0.0/0' }] : []), ...(ipv6 ? [{ dst: '::/0' }] : [])],
        },
      },
    ],
  };
}

function isIPv6Prefix(prefix: string): boolean {
  return prefix.includes(':');
}

/**
 * A CNI plugin (https://www.cni.dev/docs/spec/) that runs before the one that makes a pod's link and switches the
 * search for duplicate addresses off in the pod: `ptp` waits for its end, which would make the start of every pod up to
 * two seconds longer.
 */
export const noDuplicateDetection = {
  name: 'no-duplicate-detection',
  script: `#!/bin/sh -e
case "$CNI_COMMAND" in
ADD)
  nsenter --net="$CNI_NETNS" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
  echo '{"cniVersion": "1.0.0"}'
  ;;
VERSION) echo '{"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}' ;;
esac
`,
};

/**
 * The kubelet's settings: real defaults, except what the machine or the tests ask for.
 * @param nameserver what pods have in their resolv.conf
 * @param gracefulShutdown whether it takes part in the machine's shutdown; it then needs a logind
 */
export function kubeletConfiguration(cgroupRoot: string, nameserver: string, gracefulShutdown: boolean): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { x509: { clientCAFile: `${kubeletDirectory}/ca.crt` } },
    tlsCertFile: `${kubeletDirectory}/kubelet.crt`,
    tlsPrivateKeyFile: `${kubeletDirectory}/kubelet.key`,
    clusterDNS: [nameserver],
    clusterDomain,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    resolvConf: `${kubeletDirectory}/resolv.conf`,
    volumePluginDir: `${kubeletDirectory}/volume-plugins`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot,
    failCgroupV1: false,
    failSwapOn: false,
    // All nodes share one machine: none of them owns its memory and disk.
    enforceNodeAllocatable: [],
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    // Images are loaded, and could not be pulled again.
    imageGCHighThresholdPercent: 100,
    // Edits of ConfigMaps are seen within about 10 s instead of a minute.
    syncFrequency: '10s',
    // At most, ten seconds for each of the two phases; the agents need four seconds of theirs.
    ...(gracefulShutdown && { shutdownGracePeriod: '20s', shutdownGracePeriodCriticalPods: '10s' }),
  };
}
