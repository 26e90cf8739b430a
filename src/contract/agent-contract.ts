/** What the agent's pod and the agent's program agree on besides the settings. */
export const agentContract = {
  settingsDirectory: '/etc/net-exporter',
  settingsKey: 'settings.json',
  /** Beside the settings: how to reach the operator. Absent until the operator knows. */
  syncAccessKey: 'sync.json',
  stateDirectory: '/var/lib/net-exporter',
  tokenDirectory: '/var/run/secrets/net-exporter',
  tokenKey: 'token',
  livenessPath: '/healthz',
  readinessPath: '/-/ready',
  metricsPath: '/metrics',
} as const;
