/** One line of an operator's log. */
export interface LogLine {
  /** The pod, and how often its container had restarted. */
  process: string;
  /** Milliseconds since the epoch. */
  at: number;
  text: string;
}

/** A line that says what the one before it of its subject said, although nothing had happened in between. */
export interface Repeat {
  process: string;
  at: string;
  text: string;
  /** Seconds since the line before. */
  seconds: number;
}

/** The fields by which lines are about the same: what was found of it last is what a line may not repeat. */
const subjectFields = ['msg', 'key', 'object', 'condition', 'kind', 'from', 'namespace', 'pod'];

/**
 * The lines that repeat the last one about the same: same message, key and fields but for the time, by the same
 * process, without a new fact in between.
 * @param lines in the order of each log
 * @param facts when something new came about, in milliseconds since the epoch, in their order: all that the soak did
 */
export function repeatsIn(lines: readonly LogLine[], facts: readonly number[]): Repeat[] {
  const last = new Map<string, { text: string; at: number }>();
  return lines.flatMap(({ process, at, text }) => {
    const fields = fieldsOf(text);
    const subject = JSON.stringify([process, ...subjectFields.map((field) => fields[field])]);
    const content = JSON.stringify({ ...fields, time: undefined });
    const before = last.get(subject);
    last.set(subject, { text: content, at });
    if (before?.text !== content || facts.some((fact) => fact > before.at && fact <= at)) return [];
    return [{ process, at: new Date(at).toISOString(), text, seconds: (at - before.at) / 1000 }];
  });
}

/** What is no JSON, as of a process that crashed, is its own subject. */
function fieldsOf(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { msg: text };
  }
}

/**
 * The lines in a container's log as containerd writes it: `TIME STREAM P|F TEXT`, where P is a part of a long line.
 * @param rest what was left of the text before
 * @returns whole lines, and what is left
 */
export function linesIn(text: string, rest = ''): { lines: { at: number; text: string }[]; rest: string } {
  const all = (rest + text).split('\n');
  const lines: { at: number; text: string }[] = [];
  let [begun, taken] = ['', 0];
  for (const [index, line] of all.slice(0, -1).entries()) {
    const [, time = '', tag, content = ''] = /^(\S+) \S+ ([PF]) (.*)$/.exec(line) ?? [];
    begun += content;
    if (tag === 'P') continue;
    if (tag === 'F') lines.push({ at: Date.parse(time), text: begun });
    begun = '';
    taken = index + 1;
  }
  return { lines, rest: all.slice(taken).join('\n') };
}
