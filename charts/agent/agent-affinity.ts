/**
 * Nodes that run no DaemonSets: those of Virtual Kubelet, Admiralty (which is built on it), Liqo and KWOK, and EKS's
 * for Fargate. Their pods would stay pending forever.
 */
const notVirtual = [
  { key: 'type', operator: 'NotIn', values: ['virtual-kubelet', 'kwok'] },
  { key: 'virtual-kubelet.io/provider', operator: 'DoesNotExist' },
  { key: 'liqo.io/type', operator: 'NotIn', values: ['virtual-node'] },
  { key: 'eks.amazonaws.com/compute-type', operator: 'NotIn', values: ['fargate'] },
];

/**
 * Returns a pod's affinity, the user's parts as they are, with virtual nodes excluded. Terms of a node selector are
 * ORed and requirements inside one are ANDed, so the exclusion goes into each term. A term without any requirement
 * matches no node and stays so. The CRD accepts any JSON here: a part of the wrong type is passed on, and the API
 * server rejects it with a message that names the field.
 */
export function withoutVirtualNodes(affinity: Record<string, unknown>): Record<string, unknown> {
  const nodeAffinity = affinity.nodeAffinity ?? {};
  if (!isRecord(nodeAffinity)) return affinity;
  const required = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? {};
  if (!isRecord(required)) return affinity;
  const terms = required.nodeSelectorTerms ?? undefined;
  if (terms !== undefined && !Array.isArray(terms)) return affinity;
  const nodeSelectorTerms = terms?.map(exclude) ?? [{ matchExpressions: notVirtual }];
  return {
    ...affinity,
    nodeAffinity: {
      ...nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { ...required, nodeSelectorTerms },
    },
  };
}

function exclude(term: unknown): unknown {
  if (!isRecord(term) || Object.values(term).every(isEmpty)) return term;
  const expressions = term.matchExpressions ?? [];
  return Array.isArray(expressions) ? { ...term, matchExpressions: [...expressions, ...notVirtual] } : term;
}

function isEmpty(requirements: unknown): boolean {
  return requirements === null || (Array.isArray(requirements) && requirements.length === 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
