/** Reasons of a NetExporter's conditions. docs/errors.md says what each of them means and what to do. */
export const conditionReasons = [
  // Ready
  'AgentsReady',
  'NoNodes',
  // Stalled
  'ObjectNotOurs',
  'InvalidSpec',
  'ApplyRejected',
  'FieldConflict',
  'ReconcileFailed',
  'PodsRefused',
  'AgentImagePullFailed',
  'AgentStartFailed',
  'AgentOOMKilled',
  'AgentCrashLooping',
  'ProgressDeadlineExceeded',
  'NoObstacle',
  // Reconciling
  'ApplyFailed',
  'WriteTimedOut',
  'WaitingForDeletion',
  'WaitingForFinalizers',
  'DaemonSetPending',
  'PodsMissing',
  'AgentUnschedulable',
  'RollingOut',
  'AgentsNotReady',
  'Settled',
  'Stalled',
  'Paused',
  // ConfigPropagated
  'AgentsConfigured',
  'ProbesLimited',
  'NoAgents',
  'AgentsWaiting',
  'AgentsOutOfSync',
  'Warming',
  'NotApplied',
  'PlanFailed',
  'SyncUnavailable',
  // DNSHealthy, NetworkHealthy
  'NoSuspects',
  'SuspectsFound',
  'Disabled',
  'NoPeers',
  'NoReports',
  'NotSynced',
  'IntervalTooLong',
] as const;

export type ConditionReason = (typeof conditionReasons)[number];

/** Reasons of Events about suspects. */
export const suspectEventReasons = ['SuspectFound', 'SuspectCleared'] as const;

/** Reasons of Events that are not also reasons of conditions. */
export const eventReasons = ['Applied', 'Replaced', ...suspectEventReasons] as const;

export type EventReason = ConditionReason | (typeof eventReasons)[number];
