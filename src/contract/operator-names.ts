/** Namespace of the operator. */
export const operatorNamespace = 'net-exporter-system';

/** Name of every object of the operator. */
export const operatorName = 'net-exporter-operator';

/** Who reports the operator's Events. */
export const reportingController = 'net-exporter.dev/operator';

/** Labels that select the operator's pods. They are immutable in a Deployment: never change them. */
export const operatorSelector = {
  'app.kubernetes.io/name': 'net-exporter-operator',
  'app.kubernetes.io/instance': 'net-exporter-operator',
};

/** Port of metrics and health endpoints. */
export const operatorPort = 8080;
export const operatorPortName = 'metrics';
export const operatorMetricsPath = '/metrics';

/** Service and port at which agents reach the leader. */
export const syncServiceName = `${operatorName}-sync`;
/** Annotation of the Secret of that name: certificate authorities that were made before this time are replaced. */
export const rotateBeforeAnnotation = 'net-exporter.dev/rotate-before';
export const syncPort = 8443;
export const syncPortName = 'sync';
