import { boundedText, shortened } from '../../base/bounded-text.ts';
import { instanceLabel, portName } from '../../contract/agent-names.ts';
import type { ConditionReason } from '../../contract/reasons.ts';
import { controllerOf, type KubeObject } from '../kube/kube-object.ts';
import { templateOf } from '../kube/pod-template.ts';
import type { PlannedPod } from '../plan/target-states.ts';
import { lastWords } from './last-words.ts';
import { crashMemoryMs } from './recent-crashes.ts';

/** What the operator keeps of an agent's pod. */
export interface AgentPod extends PlannedPod {
  name: string;
  /** The key of the NetExporter in the pod's label. */
  owner: string;
  /** The uid of the DaemonSet that controls it. */
  controller: string | undefined;
  /** Why it cannot start or stay up. */
  fault: AgentFault | undefined;
  /** The number of the DaemonSet's pod template that it was created from; undefined if it does not say. */
  template: number | undefined;
}

/** Why an agent does not run, worst first. The last one often ends without help. */
export const faultReasons = [
  'AgentImagePullFailed',
  'AgentStartFailed',
  'AgentOOMKilled',
  'AgentCrashLooping',
  'AgentUnschedulable',
] as const satisfies ConditionReason[];

export interface AgentFault {
  reason: (typeof faultReasons)[number];
  /** The image and the cause, without the node. It does not change during the fault. */
  message: string;
  /**
   * Of a container that crashed and runs again: when that was, in milliseconds since the epoch by the clock of the
   * node. The fault is over once that is long ago.
   */
  crashedAt?: number;
}

interface Termination {
  reason?: string;
  exitCode?: number;
  message?: string;
  startedAt?: string;
  finishedAt?: string;
}

interface ContainerState {
  waiting?: { reason?: string; message?: string };
  running?: object;
  terminated?: Termination;
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
    template: templateOf(pod),
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
  const { waiting } = container.state ?? {};
  const reason = waiting?.reason ?? '';
  if (pullReasons.has(reason)) {
    const said = reason === 'ErrImagePull' ? 'ImagePullBackOff' : reason;
    return { reason: 'AgentImagePullFailed', message: `${image}: ${said}` };
  }
  const last = lastTermination(container);
  const startReason = [reason, last?.reason ?? ''].find((word) => startReasons.has(word));
  if (startReason !== undefined && !container.ready) {
    const why = head(waiting?.message ?? last?.message);
    return {
      reason: 'AgentStartFailed',
      message: `${image}: ${startReason}${why && `: ${why}`}`,
    };
  }
  return crashFault(container, image);
}

function lastTermination({ state, lastState }: ContainerStatus): Termination | undefined {
  return state?.terminated ?? lastState?.terminated;
}

/** The reason of the kubelet and of the container runtime for a container that exceeded its memory limit. */
const outOfMemory = 'OOMKilled';

/**
 * A container that was killed for its memory once, or crashed twice. Between two crashes it runs for a moment, and may
 * even be ready: the fault stays for as long as the crash is recent.
 */
function crashFault(container: ContainerStatus, image: string): AgentFault | undefined {
  const last = lastTermination(container);
  if (!last) return undefined;
  const { state = {}, restartCount, ready } = container;
  const isLooping =
    state.waiting?.reason === 'CrashLoopBackOff' || (restartCount + (state.terminated ? 1 : 0) >= 2 && !ranLong(last));
  if (!isLooping && last.reason !== outOfMemory) return undefined;
  const crashedAt = Date.parse(last.finishedAt ?? '');
  const isTimed = state.running !== undefined && !Number.isNaN(crashedAt);
  if (ready && !isTimed) return undefined;
  const said = lastWords(last.message);
  return {
    reason: last.reason === outOfMemory ? 'AgentOOMKilled' : 'AgentCrashLooping',
    message: `${image}: ${endOf(last)}${said && `: ${said}`}`,
    ...(isTimed && { crashedAt }),
  };
}

/** How a container ended. A shell's exit code above 128 is that of a signal (POSIX, 2.8.2). */
function endOf({ reason = 'Error', exitCode }: Termination): string {
  if (exitCode === undefined) return `${reason}, exit code unknown`;
  const isKilled = reason === 'Error' && exitCode > 128 && exitCode <= 128 + 64;
  return isKilled ? `${reason}, killed by signal ${exitCode - 128}` : `${reason}, exit code ${exitCode}`;
}

/** Whether a container ended after it had run long enough for the kubelet to take that for no crash loop: a reboot. */
function ranLong({ startedAt = '', finishedAt = '' }: Termination): boolean {
  return Date.parse(finishedAt) - Date.parse(startedAt) >= crashMemoryMs;
}

const quotedLength = 200;

/** The beginning of a message, on one line. */
function head(message = ''): string {
  return shortened(message.trim().replaceAll(/\s+/g, ' '), quotedLength);
}
