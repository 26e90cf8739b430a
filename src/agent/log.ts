export type LogLevel = 'info' | 'warn' | 'error';

/** Facts of a log line beside its message; what is undefined is left out. */
export type LogFields = Record<string, string | number | boolean | undefined>;

/** Writes what happened, one fact a line. */
export type Log = (level: LogLevel, msg: string, fields?: LogFields) => void;

/**
 * A log of JSON lines with `time` (RFC 3339), `level` and `msg` first.
 * A few lines of our own in place of a library, since every megabyte of an agent is paid for on every node.
 * @param write is handed whole lines
 * @param wall milliseconds since the epoch
 */
export function jsonLog(write: (line: string) => void, wall: () => number): Log {
  return (level, msg, fields) => {
    write(`${JSON.stringify({ time: new Date(wall()).toISOString(), level, msg, ...fields })}\n`);
  };
}
