import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { imageNames } from './image-names.ts';
import { operatorName, operatorNamespace, operatorPort, operatorPortName, operatorSelector } from './operator-names.ts';

/** The user of the operator's process: `nonroot` in the usual minimal images. */
const nonRoot = 65_532;

/** The operator, which starts the agents in the image of its own version. Fits Pod Security `restricted`. */
export function addOperatorDeployment(scope: Construct, version: string): void {
  const images = imageNames(version);
  new k8s.KubeDeployment(scope, 'deployment', {
    metadata: { name: operatorName, namespace: operatorNamespace },
    spec: {
      replicas: 1,
      // Never two at a time, old and new: they would undo each other's work.
      strategy: { type: 'Recreate' },
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
          // It ends within 5 s of the signal.
          terminationGracePeriodSeconds: 10,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: nonRoot,
            runAsGroup: nonRoot,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [operatorContainer(images)],
        },
      },
    },
  });
}

function operatorContainer(images: { operator: string; agent: string }): k8s.Container {
  return {
    name: 'operator',
    image: images.operator,
    imagePullPolicy: 'IfNotPresent',
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'AGENT_IMAGE', value: images.agent },
      { name: 'PORT', value: String(operatorPort) },
      { name: 'LOG_LEVEL', value: 'info' },
    ],
    ports: [{ name: operatorPortName, containerPort: operatorPort, protocol: 'TCP' }],
    livenessProbe: { ...httpGet('/healthz'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { ...httpGet('/readyz'), periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 2 },
    // No limit of CPU: throttled, it would answer its probes late.
    resources: {
      requests: { cpu: k8s.Quantity.fromString('50m'), memory: k8s.Quantity.fromString('128Mi') },
      limits: { memory: k8s.Quantity.fromString('512Mi') },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    },
    // The last lines of a crashed operator's log then stand in its pod's status.
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

function httpGet(path: string): k8s.Probe {
  return { httpGet: { path, port: k8s.IntOrString.fromString(operatorPortName) } };
}
