import { withoutSecrets } from '../../base/redaction.ts';
import { grantAdvice } from './grant-advice.ts';

/** Why a request failed. docs/errors.md says what each of them means and what to do. */
export const apiErrorCodes = [
  'AlreadyExists',
  'BadRequest',
  /** The caller aborted the request: a timeout of its own, or the operator is stopping. */
  'Cancelled',
  'Conflict',
  'Forbidden',
  'Gone',
  'Invalid',
  'NotFound',
  /** The write was not sent: this process does not lead. */
  'NotLeader',
  /** The API server did not complete a request in time: a write usually waits for an admission webhook. */
  'Timeout',
  /** The response has more bytes than this client accepts. */
  'TooLarge',
  'TooManyRequests',
  'Unauthorized',
  /** The API server is unreachable, failed, or did not respond in time. */
  'Unavailable',
  /** A response that is not from a Kubernetes API server. */
  'Unexpected',
  /** One side does not trust the certificate of the other. */
  'Untrusted',
] as const;

export type ApiErrorCode = (typeof apiErrorCodes)[number];

/** A failed request to the API server. Its message goes into logs, conditions and Events. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  /** The HTTP status; undefined without a response. */
  readonly status: number | undefined;
  /** How long the API server asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ApiErrorCode,
    message: string,
    options: { status?: number | undefined; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(withoutSecrets(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether an error is an ApiError with one of these codes, or with any code if none is given. */
export function isApiError(error: unknown, ...codes: ApiErrorCode[]): error is ApiError {
  return error instanceof ApiError && (codes.length === 0 || codes.includes(error.code));
}

/** Whether the same request may succeed later without any change. */
export function isTransient(error: unknown): boolean {
  return isApiError(
    error,
    ...([
      'Cancelled',
      'Conflict',
      'Gone',
      'Timeout',
      'TooLarge',
      'TooManyRequests',
      'Unauthorized',
      'Unavailable',
      'Unexpected',
    ] as const),
  );
}

/** `metav1.Status`, as it is in an answer's body or in a watch's ERROR event. */
interface Status {
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number; causes?: { reason?: string }[] };
}

const codeByReason: Record<string, ApiErrorCode> = {
  AlreadyExists: 'AlreadyExists',
  BadRequest: 'BadRequest',
  Conflict: 'Conflict',
  Expired: 'Gone',
  Forbidden: 'Forbidden',
  Gone: 'Gone',
  Invalid: 'Invalid',
  NotFound: 'NotFound',
  Timeout: 'Timeout',
  TooManyRequests: 'TooManyRequests',
  Unauthorized: 'Unauthorized',
};

const codeByStatus: Record<number, ApiErrorCode> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
};

/**
 * Makes an error of an answer that is not a success.
 * @param retryAfter the `Retry-After` header: seconds or a date (RFC 9110 §10.2.3)
 * @param now milliseconds since the epoch
 */
export function errorOfAnswer(status: number, body: string, retryAfter: string | undefined, now: number): ApiError {
  const parsed = parseStatus(body);
  const code = codeOf(parsed, status);
  const said = parsed.message ?? `the API server returned status ${status}${body ? `: ${body.slice(0, 200)}` : ''}`;
  const advice = adviceFor(code, said);
  const byHeader = parseRetryAfter(retryAfter, now);
  const seconds = parsed.details?.retryAfterSeconds;
  return new ApiError(code, advice === undefined ? said : `${said}; ${advice}`, {
    status,
    retryAfterMs: byHeader ?? (seconds === undefined ? undefined : seconds * 1000),
  });
}

/** Makes an error of the object of a watch's ERROR event. */
export function errorOfWatchEvent(object: unknown): ApiError {
  const status = (object ?? {}) as Status;
  return new ApiError(codeOf(status, status.code ?? 500), status.message ?? 'the watch ended with an error', {
    status: status.code,
  });
}

function adviceFor(code: ApiErrorCode, said: string): string | undefined {
  if (code === 'Forbidden') return grantAdvice(said);
  if (code !== 'Unauthorized') return undefined;
  return 'the token or client certificate is not accepted; renew it in the kubeconfig (inside a cluster, the kubelet renews it)';
}

/** An admission webhook that did not answer within its own timeout (500, InternalError). */
const webhookTimeout = /failed calling webhook .*(context deadline exceeded|Client\.Timeout exceeded)/;

function codeOf({ reason, message = '', details }: Status, status: number): ApiErrorCode {
  // A version that the API server does not know (yet): its etcd was restored to an older state, or we ask one that is
  // behind.
  if (details?.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge')) return 'Gone';
  if (status === 500 && webhookTimeout.test(message)) return 'Timeout';
  const byReason = reason === undefined ? undefined : codeByReason[reason];
  return byReason ?? codeByStatus[status] ?? (status >= 500 ? 'Unavailable' : 'Unexpected');
}

function parseStatus(body: string): Status {
  try {
    return (JSON.parse(body) ?? {}) as Status;
  } catch {
    return {};
  }
}

function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Whether an object was not created because its namespace is being deleted: by the words of Kubernetes' admission. */
export function isOfDeletedNamespace(error: unknown): boolean {
  return isApiError(error, 'Forbidden') && error.message.includes('because it is being terminated');
}
