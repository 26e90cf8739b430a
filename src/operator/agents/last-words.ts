const quotedLength = 200;

/** The kubelet takes at most this many bytes of a log as a message: the first line may be the rest of one. */
const longestMessage = 2048;

/** A time as log lines have it (RFC 3339). */
const time = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;

/**
 * What an agent said last of why it ended, on one line and without times, so that the text is the same for every crash
 * with the same cause. Of log lines in JSON, it is the last error or warning; what else it logged says nothing.
 * @param message of a terminated container: the end of its log
 * @returns empty if it said nothing of a cause
 */
export function lastWords(message = ''): string {
  const lines = message.trim().split('\n');
  const isCut = Buffer.byteLength(message) >= longestMessage && lines.length > 1;
  const whole = isCut ? lines.slice(1) : lines;
  const logged = whole.map(loggedLine);
  const last = logged.findLastIndex((line) => line !== undefined);
  // Such as the last words of V8, which has no logger. After a log, a line in JSON is one that was cut off.
  const after = whole.slice(last + 1).filter((line) => last < 0 || !line.startsWith('{'));
  const complaint = ['error', 'warn'].map((level) => logged.findLast((line) => line?.level === level)).find(Boolean);
  if (after.length > 0 || !complaint) return end(after.join(' '));
  return end([complaint.msg, complaint.reason].filter((text) => text !== undefined).join(': '));
}

interface LoggedLine {
  level: string;
  msg: string;
  reason?: string | undefined;
}

function loggedLine(line: string): LoggedLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, msg, reason } = JSON.parse(line) as Record<string, unknown>;
    if (typeof level !== 'string' || typeof msg !== 'string') return undefined;
    return { level, msg, reason: typeof reason === 'string' ? reason : undefined };
  } catch {
    return undefined;
  }
}

function end(text: string): string {
  const line = text.replaceAll(time, '').trim().replaceAll(/\s+/g, ' ');
  return line.length > quotedLength ? `…${line.slice(-quotedLength)}` : line;
}
