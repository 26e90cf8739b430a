/** What the agent's pod and the agent's program agree on besides the settings. */
export const agentContract = {
  settingsDirectory: '/etc/net-exporter',
  settingsKey: 'settings.json',
  stateDirectory: '/var/lib/net-exporter',
  livenessPath: '/healthz',
  readinessPath: '/-/ready',
  metricsPath: '/metrics',
} as const;
