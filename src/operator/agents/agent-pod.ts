import { instanceLabel, portName } from '../../contract/agent-names.ts';
import { controllerOf, type KubeObject } from '../kube/kube-object.ts';
import type { PlannedPod } from '../plan/target-states.ts';

/** Of an agent's pod, what the operator uses; all that it keeps. */
export interface AgentPod extends PlannedPod {
  name: string;
  /** The key of the NetExporter that the pod's label names. */
  owner: string;
  /** The uid of the DaemonSet that controls it. */
  controller: string | undefined;
  /** Why it cannot start or stay up. */
  fault: AgentFault | undefined;
}

/** Why an agent does not run, in the order in which conditions prefer them. The last passes often by itself. */
export const faultReasons = [
  'AgentImagePullFailed',
  'AgentStartFailed',
  'AgentCrashLooping',
  'AgentUnschedulable',
] as const;

export interface AgentFault {
  reason: (typeof faultReasons)[number];
  /** For people: what and why, without the node. It stays the same while the fault does. */
  message: string;
}

interface ContainerState {
  waiting?: { reason?: string; message?: string };
  running?: object;
  terminated?: { reason?: string; exitCode?: number; message?: string };
}

interface ContainerStatus {
  name: string;
  image: string;
  ready: boolean;
  restartCount: number;
  state?: ContainerState;
  lastState?: ContainerState;
}

interface PodStatus {
  phase?: string;
  startTime?: string;
  podIPs?: { ip: string }[];
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
  conditions?: PodCondition[];
}

interface PodCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

interface PodSpec {
  nodeName?: string;
  affinity?: {
    nodeAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: {
        nodeSelectorTerms?: { matchFields?: { key: string; values?: string[] }[] }[];
      };
    };
  };
  containers?: { name: string; image?: string; ports?: { name?: string; containerPort: number }[] }[];
  initContainers?: { name: string; image?: string }[];
}

/** Shrinks a pod (several kilobytes) to what is used. */
export function agentPodOf(pod: KubeObject): AgentPod {
  const { metadata } = pod;
  const spec = (pod.spec ?? {}) as PodSpec;
  const status = (pod.status ?? {}) as PodStatus;
  const ports = (spec.containers ?? []).flatMap(({ ports }) => ports ?? []);
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  return {
    name: metadata.name,
    uid: metadata.uid,
    owner: `${metadata.namespace ?? ''}/${metadata.labels?.[instanceLabel] ?? ''}`,
    controller: controllerOf(pod)?.uid,
    node: spec.nodeName ?? intendedNode(spec) ?? '',
    addresses: (status.podIPs ?? []).map(({ ip }) => ip),
    port: ports.find(({ name }) => name === portName)?.containerPort,
    ready: ready?.status === 'True',
    wasReady: ready !== undefined && wasReady(ready, status.startTime),
    deleting: metadata.deletionTimestamp !== undefined,
    ended: status.phase === 'Succeeded' || status.phase === 'Failed',
    fault: metadata.deletionTimestamp ? undefined : faultOf(spec, status),
  };
}

/**
 * The kubelet says at first that a pod is not ready, in the second in which it says that the pod starts. A pod of which that is so
 * since later was ready in between: also someone who did not watch sees that.
 */
function wasReady({ status, lastTransitionTime = '' }: PodCondition, startTime = ''): boolean {
  return status === 'True' || Date.parse(lastTransitionTime) - Date.parse(startTime) > 1000;
}

/** The node that the DaemonSet's controller made the pod for, before the scheduler has agreed. */
function intendedNode({ affinity }: PodSpec): string | undefined {
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const fields = terms.flatMap(({ matchFields }) => matchFields ?? []);
  return fields.find(({ key }) => key === 'metadata.name')?.values?.[0];
}

/** What the kubelet says while it cannot get the image. The words alternate between one attempt and the next. */
const pullReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

/** What it says while it has the image and cannot make or start a container of it. */
const startReasons = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'ContainerCannotRun',
  'StartError',
]);

function faultOf(spec: PodSpec, status: PodStatus): AgentFault | undefined {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    // As the user wrote it: the status may show the image in a longer form, or as a digest.
    const image = containers.find(({ name }) => name === container.name)?.image ?? container.image;
    const fault = containerFault(container, image);
    if (fault) return fault;
  }
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return undefined;
  return { reason: 'AgentUnschedulable', message: `the pod cannot be scheduled: ${head(scheduled.message)}` };
}

function containerFault(container: ContainerStatus, image: string): AgentFault | undefined {
  const { waiting, terminated } = container.state ?? {};
  const reason = waiting?.reason ?? '';
  if (pullReasons.has(reason)) {
    const said = reason === 'ErrImagePull' ? 'ImagePullBackOff' : reason;
    return { reason: 'AgentImagePullFailed', message: `image ${image} cannot be pulled (${said})` };
  }
  const last = terminated ?? container.lastState?.terminated;
  const startReason = [reason, last?.reason ?? ''].find((word) => startReasons.has(word));
  if (startReason !== undefined && !container.ready) {
    const why = head(waiting?.message ?? last?.message);
    return {
      reason: 'AgentStartFailed',
      message: `image ${image} cannot be started (${startReason}${why && `: ${why}`})`,
    };
  }
  // Between two crashes it is shortly running: the restarts tell, so that the verdict does not flap.
  const crashing = reason === 'CrashLoopBackOff' || (container.restartCount >= 2 && !container.ready);
  if (!crashing || !last) return undefined;
  const why = `${last.reason ?? 'Error'}, exit code ${last.exitCode ?? 'unknown'}`;
  const said = tail(last.message);
  return { reason: 'AgentCrashLooping', message: `image ${image} ends again and again (${why}${said && `: ${said}`})` };
}

const quotedLength = 200;

/** The beginning of a message, on one line. */
function head(message: string | undefined): string {
  const line = onOneLine(message);
  return line.length > quotedLength ? `${line.slice(0, quotedLength)}…` : line;
}

/** The end of a message, on one line: of a log, the last words say most. */
function tail(message: string | undefined): string {
  const line = onOneLine(message);
  return line.length > quotedLength ? `…${line.slice(-quotedLength)}` : line;
}

function onOneLine(message = ''): string {
  return message.trim().replaceAll(/\s+/g, ' ');
}
