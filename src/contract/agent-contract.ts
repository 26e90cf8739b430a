/** Paths that the pod template and the agent agree on, in addition to the settings. */
export const agentContract = {
  settingsDirectory: '/etc/net-exporter',
  settingsKey: 'settings.json',
  /** How to reach the operator. Missing until the operator knows its address. */
  syncAccessKey: 'sync.json',
  stateDirectory: '/var/lib/net-exporter',
  tokenDirectory: '/var/run/secrets/net-exporter',
  tokenKey: 'token',
  livenessPath: '/healthz',
  readinessPath: '/-/ready',
  metricsPath: '/metrics',
} as const;
