interface NodeSelectorTerm extends Record<string, unknown> {
  matchExpressions?: Record<string, unknown>[];
}

/**
 * Nodes that run no DaemonSets: Virtual Kubelet's own label, and EKS's for Fargate. Their pods would be pending for
 * ever.
 */
const notVirtual = [
  { key: 'type', operator: 'NotIn', values: ['virtual-kubelet'] },
  { key: 'eks.amazonaws.com/compute-type', operator: 'NotIn', values: ['fargate'] },
];

/**
 * A pod's affinity, the user's parts as they are, with virtual nodes excluded. Terms of a node selector are ORed and
 * what is inside one is ANDed, so the exclusion goes into each. A term without any requirement matches no node and
 * stays so.
 */
export function withoutVirtualNodes(affinity: Record<string, unknown>): Record<string, unknown> {
  const nodeAffinity = asRecord(affinity.nodeAffinity);
  const required = asRecord(nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution);
  const terms = required.nodeSelectorTerms;
  const nodeSelectorTerms = Array.isArray(terms) ? terms.map(exclude) : [{ matchExpressions: notVirtual }];
  return {
    ...affinity,
    nodeAffinity: {
      ...nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { ...required, nodeSelectorTerms },
    },
  };
}

function exclude(term: NodeSelectorTerm): NodeSelectorTerm {
  if (Object.values(term).every((part) => Array.isArray(part) && part.length === 0)) return term;
  return { ...term, matchExpressions: [...(term.matchExpressions ?? []), ...notVirtual] };
}

function asRecord(value: unknown): Record<string, unknown> {
  return (value ?? {}) as Record<string, unknown>;
}
