/** The namespace that the operator is installed in. */
export const operatorNamespace = 'net-exporter-system';

/** What every object of the operator is called. */
export const operatorName = 'net-exporter-operator';

/** The labels that select the operator's pods. They are immutable in a Deployment: never change them. */
export const operatorSelector = {
  'app.kubernetes.io/name': 'net-exporter-operator',
  'app.kubernetes.io/instance': 'net-exporter-operator',
};

/** Where the operator serves its metrics and its health. */
export const operatorPort = 8080;
export const operatorPortName = 'metrics';

/** Where the leader answers agents, and the Service by which they reach it. */
export const syncServiceName = `${operatorName}-sync`;
export const syncPort = 8443;
export const syncPortName = 'sync';
