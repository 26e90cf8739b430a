import { boundedText } from '../../base/bounded-text.ts';
import { instanceLabel, portName } from '../../contract/agent-names.ts';
import type { ConditionReason } from '../../contract/reasons.ts';
import { controllerOf, type KubeObject } from '../kube/kube-object.ts';
import type { PlannedPod } from '../plan/target-states.ts';

/** What the operator keeps of an agent's pod. */
export interface AgentPod extends PlannedPod {
  name: string;
  /** The key of the NetExporter in the pod's label. */
  owner: string;
  /** The uid of the DaemonSet that controls it. */
  controller: string | undefined;
  /** Why it cannot start or stay up. */
  fault: AgentFault | undefined;
}

/** Why an agent does not run, worst first. The last one often ends without help. */
export const faultReasons = [
  'AgentImagePullFailed',
  'AgentStartFailed',
  'AgentCrashLooping',
  'AgentUnschedulable',
] as const satisfies ConditionReason[];

export interface AgentFault {
  reason: (typeof faultReasons)[number];
  /** The image and the cause, without the node. It does not change during the fault. */
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

/** Maximum length of the name of a node and of a uid; other texts are none. */
const maxTextLength = 253;

/** Maximum length of a fault's message: an image of the maximum length, and what the kubelet says. */
const maxMessageLength = 1000;

/** Extracts what is used from a pod of several kilobytes. */
export function agentPodOf(pod: KubeObject): AgentPod {
  const { metadata } = pod;
  const spec = (pod.spec ?? {}) as PodSpec;
  const status = (pod.status ?? {}) as PodStatus;
  const ports = (spec.containers ?? []).flatMap(({ ports }) => ports ?? []);
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  const controller = controllerOf(pod)?.uid;
  return {
    name: metadata.name,
    uid: metadata.uid,
    owner: `${metadata.namespace ?? ''}/${metadata.labels?.[instanceLabel] ?? ''}`,
    controller: controller && boundedText(controller, maxTextLength),
    node: boundedText(spec.nodeName ?? intendedNode(spec) ?? '', maxTextLength),
    addresses: (status.podIPs ?? []).map(({ ip }) => ip),
    port: ports.find(({ name }) => name === portName)?.containerPort,
    ready: ready?.status === 'True',
    wasReady: ready !== undefined && wasReady(ready, status.startTime),
    deleting: metadata.deletionTimestamp !== undefined,
    ended: status.phase === 'Succeeded' || status.phase === 'Failed',
    fault: metadata.deletionTimestamp ? undefined : boundedFault(faultOf(spec, status)),
  };
}

/**
 * The kubelet first reports a pod as not ready in the same second as its start. A later transition time means that the
 * pod was ready in between, even if this process did not watch then.
 */
function wasReady({ status, lastTransitionTime = '' }: PodCondition, startTime = ''): boolean {
  return status === 'True' || Date.parse(lastTransitionTime) - Date.parse(startTime) > 1000;
}

/** The node for which the DaemonSet controller created the pod, before the scheduler binds it. */
function intendedNode({ affinity }: PodSpec): string | undefined {
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const fields = terms.flatMap(({ matchFields }) => matchFields ?? []);
  return fields.find(({ key }) => key === 'metadata.name')?.values?.[0];
}

/** Anyone can give a pod the label and, for example, an image whose name has a million characters. */
function boundedFault(fault: AgentFault | undefined): AgentFault | undefined {
  return fault && { ...fault, message: boundedText(fault.message, maxMessageLength) };
}

/** The kubelet's reasons while it cannot pull the image. They alternate between attempts. */
const pullReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

/** The kubelet's reasons while it has the image but cannot create or start the container. */
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
    // As in the spec: the status may contain a longer form of the image, or a digest.
    const image = containers.find(({ name }) => name === container.name)?.image ?? container.image;
    const fault = containerFault(container, image);
    if (fault) return fault;
  }
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return undefined;
  return { reason: 'AgentUnschedulable', message: head(scheduled.message) || 'Unschedulable' };
}

function containerFault(container: ContainerStatus, image: string): AgentFault | undefined {
  const { waiting, terminated } = container.state ?? {};
  const reason = waiting?.reason ?? '';
  if (pullReasons.has(reason)) {
    const said = reason === 'ErrImagePull' ? 'ImagePullBackOff' : reason;
    return { reason: 'AgentImagePullFailed', message: `${image}: ${said}` };
  }
  const last = terminated ?? container.lastState?.terminated;
  const startReason = [reason, last?.reason ?? ''].find((word) => startReasons.has(word));
  if (startReason !== undefined && !container.ready) {
    const why = head(waiting?.message ?? last?.message);
    return {
      reason: 'AgentStartFailed',
      message: `${image}: ${startReason}${why && `: ${why}`}`,
    };
  }
  // Between two crashes it runs for a moment; the number of restarts keeps the fault from flapping.
  const crashing = reason === 'CrashLoopBackOff' || (container.restartCount >= 2 && !container.ready);
  if (!crashing || !last) return undefined;
  const why = `${last.reason ?? 'Error'}, exit code ${last.exitCode ?? 'unknown'}`;
  const said = tail(last.message);
  return { reason: 'AgentCrashLooping', message: `${image}: ${why}${said && `: ${said}`}` };
}

const quotedLength = 200;

/** The beginning of a message, on one line. */
function head(message: string | undefined): string {
  const line = onOneLine(message);
  return line.length > quotedLength ? `${line.slice(0, quotedLength)}…` : line;
}

/** The end of a message, on one line: the last words of a log say most. */
function tail(message: string | undefined): string {
  const line = onOneLine(message);
  return line.length > quotedLength ? `…${line.slice(-quotedLength)}` : line;
}

function onOneLine(message = ''): string {
  return message.trim().replaceAll(/\s+/g, ' ');
}
