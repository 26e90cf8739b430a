/** Annotation of a DaemonSet: the number of its current pod template. */
export const templateAnnotation = 'deprecated.daemonset.template.generation';

/** Label of a DaemonSet's pods: the number of the pod template that they were created from. */
const templateLabel = 'pod-template-generation';

interface Metadata {
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
}

/** The number of a DaemonSet's current pod template; undefined if it does not say. */
export function currentTemplateOf({ metadata }: { metadata: Metadata }): number | undefined {
  return numberIn(metadata.annotations?.[templateAnnotation]);
}

/** The number of the pod template that a DaemonSet's pod was created from; undefined if it does not say. */
export function templateOf({ metadata }: { metadata: Metadata }): number | undefined {
  return numberIn(metadata.labels?.[templateLabel]);
}

function numberIn(text: string | undefined): number | undefined {
  const number = Number(text);
  return text === undefined || Number.isNaN(number) ? undefined : number;
}
