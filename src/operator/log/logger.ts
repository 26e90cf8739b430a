import { type DestinationStream, type Logger, pino } from 'pino';
import { withoutSecrets } from '../../base/redaction.ts';
import { ApiError } from '../kube/api-error.ts';

/** The operator's log: JSON, one line a fact, with the level as a word and the time as RFC 3339. */
export function operatorLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (word: string) => ({ level: word }) },
    serializers: { err: errorFields },
  };
  return destination ? pino(options, destination) : pino(options);
}

/**
 * Where an error of the API arose in our code says nothing; of every other one it says all. Neither gives a secret
 * away.
 */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (!(error instanceof ApiError)) {
    const { type, message, stack } = pino.stdSerializers.err(error);
    const { code } = error as { code?: unknown };
    return { type, code, message: withoutSecrets(message), stack: withoutSecrets(stack) };
  }
  const { code, status, message } = error;
  return { code, status, message };
}
