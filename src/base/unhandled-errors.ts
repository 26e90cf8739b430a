import { errorText } from './error-text.ts';

/**
 * Ends the process with code 1 on an exception or rejection that nothing handles. Without it Node writes the stack to
 * standard error as it is, past the log and past `withoutSecrets`.
 * @param report logs the error; the process ends even where it throws
 */
export function endOnUnhandledErrors(report: (error: Error) => void): void {
  const end = (reason: unknown): void => {
    try {
      report(reason instanceof Error ? reason : new Error(`not an error was thrown: ${errorText(reason)}`));
    } finally {
      process.exit(1);
    }
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
