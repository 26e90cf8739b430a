/** The one field manager, and the value of `app.kubernetes.io/managed-by`, of everything that the operator writes. */
export const managerName = 'net-exporter-operator';

export const managedByLabel = 'app.kubernetes.io/managed-by';
export const instanceLabel = 'app.kubernetes.io/instance';

/** The annotation of a child that tells which declaration it was last applied from. */
export const appliedAnnotation = 'net-exporter.dev/applied';

/** The annotation of a NetExporter that, being `"true"`, keeps the operator from changing anything of it. */
export const pausedAnnotation = 'net-exporter.dev/paused';

/** Whether nothing of a NetExporter is to be changed. Any other value of the annotation pauses nothing. */
export function isPaused({ metadata }: { metadata: { annotations?: Record<string, string> | undefined } }): boolean {
  return metadata.annotations?.[pausedAnnotation] === 'true';
}

/** The name of the port in the pods and Services of the agents. */
export const portName = 'metrics';

/** The name of the UDP echo's port in the agents' pods. */
export const echoPortName = 'echo';

/** What the objects of a NetExporter of this name are called. */
export function agentNames(instance: string): { agent: string; peers: string } {
  return { agent: `${instance}-agent`, peers: `${instance}-agent-peers` };
}

/** The label that all agents have, whatever their NetExporter. */
export const agentAppLabel = { 'app.kubernetes.io/name': 'net-exporter-agent' };

/** The labels that select the agents of a NetExporter. They are immutable in a DaemonSet: never change them. */
export function agentSelector(instance: string): Record<string, string> {
  return { ...agentAppLabel, [instanceLabel]: instance };
}

/** The labels of every child of a NetExporter, and of its agents' pods. */
export function agentLabels(instance: string): Record<string, string> {
  return {
    ...agentSelector(instance),
    'app.kubernetes.io/component': 'agent',
    'app.kubernetes.io/part-of': 'net-exporter',
    [managedByLabel]: managerName,
  };
}
