import { ApiObject, JsonPatch } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { agentContract } from '../../src/contract/agent-contract.ts';
import { agentLabels, agentNames, agentSelector, echoPortName, portName } from '../../src/contract/agent-names.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { tokenAudience } from '../../src/protocol/sync.ts';
import { withoutVirtualNodes } from './agent-affinity.ts';

/**
 * Keeps service meshes out of the agents' pods: with a sidecar a dial reaches the proxy in the pod, and its latency and
 * success say nothing about the network. `podLabels` and `podAnnotations` override them.
 */
const withoutMesh = {
  labels: {
    // Istio: sidecar, ambient. Kuma reads labels since 1.8.
    'sidecar.istio.io/inject': 'false',
    'istio.io/dataplane-mode': 'none',
    'kuma.io/sidecar-injection': 'disabled',
  },
  annotations: {
    'linkerd.io/inject': 'disabled',
    'consul.hashicorp.com/connect-inject': 'false',
  },
};

const identityVolumeName = 'identity';

/** How long a token is good for. Seconds. */
const tokenSeconds = 3600;

/**
 * The agents. The template depends on `spec.agent` only: a change of what is probed reaches the agents by their
 * settings and must not restart them. Fits Pod Security `restricted`.
 */
export function addDaemonSet(scope: Construct, { metadata, spec }: NetExporter, image: string): void {
  const { agent } = spec;
  const name = agentNames(metadata.name).agent;
  const typed = k8s.KubeDaemonSet.manifest({
    metadata: { name },
    spec: {
      selector: { matchLabels: agentSelector(metadata.name) },
      revisionHistoryLimit: 3,
      updateStrategy: {
        type: 'RollingUpdate',
        rollingUpdate: {
          maxUnavailable:
            typeof agent.maxUnavailable === 'number'
              ? k8s.IntOrString.fromNumber(agent.maxUnavailable)
              : k8s.IntOrString.fromString(agent.maxUnavailable),
        },
      },
      template: {
        metadata: { labels: agentLabels(metadata.name) },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          dnsPolicy: 'ClusterFirst',
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          ...(agent.priorityClassName === '' ? {} : { priorityClassName: agent.priorityClassName }),
          ...(agent.imagePullSecrets.length === 0 ? {} : { imagePullSecrets: agent.imagePullSecrets }),
          // 25 seconds of serving after the signal at most, and five in reserve.
          terminationGracePeriodSeconds: 30,
          // Without user and group: the image has its own (65532), and OpenShift assigns one per namespace.
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [agentContainer(spec, image)],
          volumes: agentVolumes(name),
        },
      },
    },
  });
  // The user's parts are patched into a plain object, which leaves them as they are: the types of a KubeDaemonSet drop
  // fields newer than Kubernetes 1.27, and cdk8s refuses maps with a key such as `constructor`.
  const daemonSet = new ApiObject(scope, 'daemon-set', typed);
  daemonSet.addJsonPatch(
    JsonPatch.add('/spec/template/metadata/labels', {
      ...withoutMesh.labels,
      ...agent.podLabels,
      ...agentLabels(metadata.name),
    }),
    JsonPatch.add('/spec/template/metadata/annotations', { ...withoutMesh.annotations, ...agent.podAnnotations }),
    JsonPatch.add('/spec/template/spec/nodeSelector', { ...agent.nodeSelector, 'kubernetes.io/os': 'linux' }),
    JsonPatch.add('/spec/template/spec/affinity', withoutVirtualNodes(agent.affinity)),
    ...(agent.tolerations.length === 0 ? [] : [JsonPatch.add('/spec/template/spec/tolerations', agent.tolerations)]),
    JsonPatch.add('/spec/template/spec/containers/0/resources', agent.resources),
  );
}

function agentContainer({ agent }: NetExporter['spec'], image: string): k8s.Container {
  return {
    name: 'agent',
    image,
    imagePullPolicy: agent.imagePullPolicy,
    env: [
      { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
      { name: 'PORT', value: String(agent.port) },
      { name: 'SETTINGS_FILE', value: `${agentContract.settingsDirectory}/${agentContract.settingsKey}` },
      { name: 'SYNC_ACCESS_FILE', value: `${agentContract.settingsDirectory}/${agentContract.syncAccessKey}` },
      { name: 'SYNC_TOKEN_FILE', value: `${agentContract.tokenDirectory}/${agentContract.tokenKey}` },
      { name: 'STATE_DIRECTORY', value: agentContract.stateDirectory },
    ],
    ports: [
      { name: portName, containerPort: agent.port, protocol: 'TCP' },
      // Whether peers are probed by UDP or not: the template depends on spec.agent only.
      { name: echoPortName, containerPort: agent.port, protocol: 'UDP' },
    ],
    // Each failed probe is a Warning Event, of a startup probe too. Without a startup probe, the kubelet asks for
    // readiness as soon as the container runs, which is often before the agent listens, and then not for five seconds.
    // With this one it asks after one second at least (it counts whole seconds, from a start without fractions), when
    // agents have usually started, then every second, and for readiness as soon as the agent has answered.
    startupProbe: {
      ...httpGet(agentContract.readinessPath),
      initialDelaySeconds: 2,
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 120,
    },
    // Slow to kill: a busy node is when the agent's measurements matter. Seldom, because each request costs the agent
    // CPU time.
    livenessProbe: {
      ...httpGet(agentContract.livenessPath),
      periodSeconds: 20,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    // An agent that stops answers 503, which is a Warning Event, too: the kubelet asks until the container has ended.
    // Only that takes the agent out of the Service in a graceful shutdown of its node, which deletes no pod. Where the
    // pod is deleted it would not be needed, but the agent cannot know which of the two it is.
    readinessProbe: {
      ...httpGet(agentContract.readinessPath),
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 2,
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    },
    // Puts the last log lines of a crashed agent into its pod's status, from where the operator reports them.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      // A directory, not a subPath: only then does the kubelet refresh it.
      { name: 'settings', mountPath: agentContract.settingsDirectory, readOnly: true },
      { name: 'state', mountPath: agentContract.stateDirectory },
      { name: identityVolumeName, mountPath: agentContract.tokenDirectory, readOnly: true },
    ],
  };
}

/** All volumes of the pods. @param configMap the name of the ConfigMap with the settings */
export function agentVolumes(configMap: string): k8s.Volume[] {
  return [
    { name: 'settings', configMap: { name: configMap } },
    // Twice the largest settings document, and as much again for other files.
    { name: 'state', emptyDir: { sizeLimit: k8s.Quantity.fromString('8Mi') } },
    identityVolume(),
  ];
}

/**
 * Identifies the agent to the operator: a token that no API server accepts, because it is for another audience. The
 * kubelet renews it well before it expires. The pod has one container, which alone mounts it.
 */
function identityVolume(): k8s.Volume {
  return {
    name: identityVolumeName,
    projected: {
      sources: [
        {
          serviceAccountToken: {
            audience: tokenAudience,
            expirationSeconds: tokenSeconds,
            path: agentContract.tokenKey,
          },
        },
      ],
    },
  };
}

function httpGet(path: string): k8s.Probe {
  return { httpGet: { path, port: k8s.IntOrString.fromString(portName) } };
}
