import type { KubeObject } from '../kube/kube-object.ts';

/**
 * How a node's end, or that it is about to stand still, was announced. cordon: `kubectl cordon` and `drain`. shutdown:
 * the kubelet holds up the machine's shutdown until its pods have ended (KEP-2000). removal: an autoscaler is about to
 * take it away. deletion: the Node object is under deletion.
 */
export type NodeNotice = 'cordon' | 'shutdown' | 'removal' | 'deletion';

/** Of a Node, what the operator uses; all that it keeps. */
export interface NodeFacts {
  name: string;
  uid: string;
  /** Empty where it has none. */
  zone: string;
  /** False also where nothing has been heard of its kubelet for a while. */
  ready: boolean;
  notice: NodeNotice | undefined;
  /** Of the kernel that runs: another one after each boot. */
  bootId: string;
  /** Whether it is never a suspect. */
  isExempt?: true;
}

interface NodeSpec {
  unschedulable?: boolean;
  taints?: { key: string }[];
}

interface NodeStatus {
  conditions?: { type: string; status: string; message?: string }[];
  nodeInfo?: { bootID?: string };
}

const zoneLabel = 'topology.kubernetes.io/zone';

/** A node with this annotation of the value `false` is never a suspect; other values mean nothing. */
const judgeAnnotation = 'net-exporter.dev/judge';

/** By which the cluster autoscaler and Karpenter tell that they drain a node and take it away then. */
const removalTaints = new Set(['ToBeDeletedByClusterAutoscaler', 'karpenter.sh/disrupted']);

/** What the kubelet says of itself from the moment that it holds up a shutdown. */
const shutdownMessage = 'node is shutting down';

/** Shrinks a Node (ten kilobytes and more) to what is used. */
export function nodeFactsOf({ metadata, ...node }: KubeObject): NodeFacts {
  const status = (node.status ?? {}) as NodeStatus;
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  return {
    name: metadata.name,
    uid: metadata.uid,
    zone: metadata.labels?.[zoneLabel] ?? '',
    ready: ready?.status === 'True',
    notice: noticeOf(metadata.deletionTimestamp, (node.spec ?? {}) as NodeSpec, ready?.message),
    bootId: status.nodeInfo?.bootID ?? '',
    ...(metadata.annotations?.[judgeAnnotation] === 'false' && { isExempt: true }),
  };
}

function noticeOf(deletion: string | undefined, spec: NodeSpec, readyMessage = ''): NodeNotice | undefined {
  // Of several notices the one that ends its pods first.
  if (readyMessage.includes(shutdownMessage)) return 'shutdown';
  if (deletion !== undefined) return 'deletion';
  if (spec.taints?.some(({ key }) => removalTaints.has(key))) return 'removal';
  return spec.unschedulable ? 'cordon' : undefined;
}
