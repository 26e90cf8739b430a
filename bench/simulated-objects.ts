/** The label of simulated nodes. */
export const simulatedLabel = 'net-exporter.dev/simulated';

/** Of a DaemonSet, what its pods are made of. */
export interface DaemonSet {
  metadata: { name: string; namespace: string; uid: string; generation: number };
  spec: { template: { metadata: { labels: Record<string, string> }; spec: Record<string, unknown> } };
}

const zones = ['a', 'b', 'c'];

/** When every simulated thing began. */
const since = '2026-01-01T00:00:00Z';

export function nodeName(number: number): string {
  return `sim-${String(number).padStart(5, '0')}`;
}

export function podName({ metadata }: DaemonSet, number: number): string {
  return `${metadata.name}-${number.toString(36).padStart(5, '0')}`;
}

/** An address of 10.64.0.0/10 that nobody has to reach. */
export function podAddress(number: number): string {
  return `10.${64 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
}

/** A Ready node as a kubelet registers it, about as long as one in the field. */
export function simulatedNode(number: number): object {
  const name = nodeName(number);
  const zone = `zone-${zones[number % zones.length]}`;
  const resources = { cpu: '16', memory: '64Gi', pods: '110', 'ephemeral-storage': '200Gi' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        [simulatedLabel]: 'true',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'node.kubernetes.io/instance-type': 'simulated',
        'topology.kubernetes.io/region': 'region',
        'topology.kubernetes.io/zone': zone,
      },
    },
    spec: { providerID: `simulated://${zone}/${name}` },
    status: {
      addresses: [
        { type: 'InternalIP', address: `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}` },
        { type: 'Hostname', address: name },
      ],
      allocatable: resources,
      capacity: resources,
      conditions: [
        nodeCondition('MemoryPressure', 'False', 'KubeletHasSufficientMemory'),
        nodeCondition('DiskPressure', 'False', 'KubeletHasNoDiskPressure'),
        nodeCondition('PIDPressure', 'False', 'KubeletHasSufficientPID'),
        nodeCondition('Ready', 'True', 'KubeletReady'),
      ],
      images: Array.from({ length: 20 }, (_, image) => ({
        names: [
          `registry.example.com/team/service-${image}@sha256:${'0'.repeat(64)}`,
          `registry.example.com/i:${image}`,
        ],
        sizeBytes: 100_000_000,
      })),
      nodeInfo: {
        architecture: 'amd64',
        bootID: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
        containerRuntimeVersion: 'containerd://2.4.2',
        kernelVersion: '6.18.0',
        kubeProxyVersion: '',
        kubeletVersion: 'v1.37.2',
        machineID: String(number),
        operatingSystem: 'linux',
        osImage: 'Debian GNU/Linux',
        systemUUID: String(number),
      },
    },
  };
}

function nodeCondition(type: string, status: string, reason: string): object {
  const message = `kubelet reports: ${reason}`;
  return { type, status, reason, message, lastHeartbeatTime: since, lastTransitionTime: since };
}

/** The pod that the DaemonSet's controller makes for a node, already bound to it. */
export function simulatedPod(daemonSet: DaemonSet, number: number): object {
  const { metadata, spec } = daemonSet;
  const node = nodeName(number);
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  const required = { nodeSelectorTerms: [{ matchFields }] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(daemonSet, number),
      generateName: `${metadata.name}-`,
      namespace: metadata.namespace,
      labels: {
        ...spec.template.metadata.labels,
        'controller-revision-hash': '7d4b9c6f5',
        'pod-template-generation': String(metadata.generation),
      },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'DaemonSet',
          name: metadata.name,
          uid: metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      ...spec.template.spec,
      nodeName: node,
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
    },
  };
}

/** What a kubelet writes about such a pod once it runs. */
export function runningStatus(
  { spec }: DaemonSet,
  number: number,
  ready: boolean,
  address = podAddress(number),
): object {
  const [container] = spec.template.spec.containers as [{ name: string; image: string }];
  const flag = ready ? 'True' : 'False';
  const condition = (type: string, status: string) => ({
    type,
    status,
    lastProbeTime: null,
    lastTransitionTime: since,
  });
  return {
    status: {
      phase: 'Running',
      hostIP: `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`,
      podIP: address,
      podIPs: [{ ip: address }],
      startTime: since,
      conditions: [
        condition('PodReadyToStartContainers', 'True'),
        condition('Initialized', 'True'),
        condition('Ready', flag),
        condition('ContainersReady', flag),
        condition('PodScheduled', 'True'),
      ],
      containerStatuses: [
        {
          name: container.name,
          image: container.image,
          imageID: `${container.image}@sha256:${'0'.repeat(64)}`,
          containerID: `containerd://${'0'.repeat(64)}`,
          ready,
          started: true,
          restartCount: 0,
          state: { running: { startedAt: since } },
          lastState: {},
        },
      ],
    },
  };
}
