/** Field manager, and value of `app.kubernetes.io/managed-by`, of every object that the operator applies. */
export const managerName = 'net-exporter-operator';

export const managedByLabel = 'app.kubernetes.io/managed-by';
export const instanceLabel = 'app.kubernetes.io/instance';

/** Annotation of a child object: hash of the declaration that was last applied. */
export const appliedAnnotation = 'net-exporter.dev/applied';

/** Annotation of a NetExporter. If it is `"true"`, the operator changes none of its objects. */
export const pausedAnnotation = 'net-exporter.dev/paused';

/** Whether the NetExporter is paused. Only the value `"true"` pauses it. */
export function isPaused({ metadata }: { metadata: { annotations?: Record<string, string> | undefined } }): boolean {
  return metadata.annotations?.[pausedAnnotation] === 'true';
}

/** Annotation of Services by which Prometheus finds agents where no PodMonitor does. */
export const scrapeAnnotation = 'prometheus.io/scrape';

/** The name of the port in the pods and Services of the agents. */
export const portName = 'metrics';

/** The name of the UDP echo's port in the agents' pods. */
export const echoPortName = 'echo';

/** Names of the objects of a NetExporter. */
export function agentNames(instance: string): { agent: string; peers: string } {
  return { agent: `${instance}-agent`, peers: `${instance}-agent-peers` };
}

/** Label of all agents of all NetExporters. */
export const agentAppLabel = { 'app.kubernetes.io/name': 'net-exporter-agent' };

/** Labels that select the agents of a NetExporter. They are immutable in a DaemonSet: never change them. */
export function agentSelector(instance: string): Record<string, string> {
  return { ...agentAppLabel, [instanceLabel]: instance };
}

/** Labels of every child object of a NetExporter and of its agents' pods. */
export function agentLabels(instance: string): Record<string, string> {
  return {
    ...agentSelector(instance),
    'app.kubernetes.io/component': 'agent',
    'app.kubernetes.io/part-of': 'net-exporter',
    [managedByLabel]: managerName,
  };
}
