import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { imageNames } from '../../src/contract/image-names.ts';
import {
  operatorName,
  operatorNamespace,
  operatorPort,
  operatorPortName,
  operatorSelector,
  syncPort,
  syncPortName,
} from '../../src/contract/operator-names.ts';

/** Of two, one leads and the other one takes over. */
const replicas = 2;

/**
 * The operator, which starts the agents in the image of its own version, on two nodes where there are two, and the
 * promise to those who drain nodes that one of them may go at any time. Fits Pod Security `restricted`.
 */
export function addOperatorDeployment(scope: Construct, version: string): void {
  const images = imageNames(version);
  new k8s.KubeDeployment(scope, 'deployment', {
    metadata: { name: operatorName, namespace: operatorNamespace },
    spec: {
      replicas,
      // Old and new replicas may run at the same time, because only one leads. Without room for a third, an old one is
      // deleted first.
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: k8s.IntOrString.fromNumber(1), maxUnavailable: k8s.IntOrString.fromNumber(1) },
      },
      revisionHistoryLimit: 3,
      selector: { matchLabels: operatorSelector },
      template: {
        metadata: {
          labels: {
            ...operatorSelector,
            'app.kubernetes.io/component': 'operator',
            'app.kubernetes.io/part-of': 'net-exporter',
          },
        },
        spec: {
          serviceAccountName: operatorName,
          automountServiceAccountToken: true,
          enableServiceLinks: false,
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          ...apart(),
          // It ends within 5 s of the signal.
          terminationGracePeriodSeconds: 10,
          // Without user and group: the image has its own (65532), and OpenShift assigns one per namespace.
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [operatorContainer(images)],
        },
      },
    },
  });
  new k8s.KubePodDisruptionBudget(scope, 'disruption-budget', {
    metadata: { name: operatorName, namespace: operatorNamespace },
    spec: {
      selector: { matchLabels: operatorSelector },
      maxUnavailable: k8s.IntOrString.fromNumber(1),
      // A replica that is not ready must not block a drain of its node.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  });
}

/** Keeps the replicas on nodes and in zones of their own, where there are enough of them. */
function apart(): Pick<k8s.PodSpec, 'affinity' | 'topologySpreadConstraints'> {
  const labelSelector = { matchLabels: operatorSelector };
  const spread = (topologyKey: string): k8s.TopologySpreadConstraint => ({
    ...{ maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway', labelSelector },
    // During a rollout the new ones are spread among themselves.
    matchLabelKeys: ['pod-template-hash'],
  });
  const podAffinityTerm = { topologyKey: 'kubernetes.io/hostname', labelSelector };
  return {
    affinity: {
      podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] },
    },
    topologySpreadConstraints: [spread('kubernetes.io/hostname'), spread('topology.kubernetes.io/zone')],
  };
}

function operatorContainer(images: { operator: string; agent: string }): k8s.Container {
  return {
    name: 'operator',
    image: images.operator,
    imagePullPolicy: 'IfNotPresent',
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      // Where agents reach it while it leads.
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'AGENT_IMAGE', value: images.agent },
      { name: 'PORT', value: String(operatorPort) },
      { name: 'LOG_LEVEL', value: 'info' },
      // `false` turns the API off. PAGE_HOSTS has more names by which clients may reach it, separated by commas.
      { name: 'PAGE', value: 'true' },
      { name: 'PAGE_HOSTS', value: '' },
    ],
    ports: [
      { name: operatorPortName, containerPort: operatorPort, protocol: 'TCP' },
      { name: syncPortName, containerPort: syncPort, protocol: 'TCP' },
    ],
    livenessProbe: { ...httpGet('/healthz'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { ...httpGet('/readyz'), periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 2 },
    // No CPU limit: throttling would delay responses to probes. Twice the memory that 5,000 agents with their
    // connections need.
    resources: {
      requests: { cpu: k8s.Quantity.fromString('50m'), memory: k8s.Quantity.fromString('128Mi') },
      limits: { memory: k8s.Quantity.fromString('1Gi') },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    },
    // Puts the last log lines of a crashed operator into its pod's status.
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

function httpGet(path: string): k8s.Probe {
  return { httpGet: { path, port: k8s.IntOrString.fromString(operatorPortName) } };
}
