/** A cluster that can't be started or used; the message says what to do. */
export class ClusterError extends Error {
  readonly code:
    | 'NOT_ROOT'
    | 'NO_IPV6'
    | 'CACHE_UNUSABLE'
    | 'INOTIFY_LIMIT'
    | 'ALREADY_RUNNING'
    | 'START_FAILED'
    | 'NODE_ENDED'
    | 'NO_SUCH_CLUSTER'
    | 'NO_SUCH_NODE'
    | 'NO_SUCH_POD'
    | 'NO_LOGIND';

  constructor(code: ClusterError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClusterError';
    this.code = code;
  }
}
