export type LogLevel = 'info' | 'warn' | 'error';

/** Structured fields of a log line. Undefined fields are left out. */
export type LogFields = Record<string, string | number | boolean | undefined>;

/** Writes one log line. */
export type Log = (level: LogLevel, msg: string, fields?: LogFields) => void;

/**
 * Logs JSON lines with `time` (RFC 3339), `level` and `msg` first.
 * Not a library, because memory of the agent is spent on every node.
 * @param write receives whole lines
 * @param wall milliseconds since the epoch
 */
export function jsonLog(write: (line: string) => void, wall: () => number): Log {
  return (level, msg, fields) => {
    write(`${JSON.stringify({ time: new Date(wall()).toISOString(), level, msg, ...fields })}\n`);
  };
}
