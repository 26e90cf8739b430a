/** What `kubectl describe` has to say for someone who sees nothing else. */
export interface Expectation {
  /** Nodes and objects that are at fault, by name. */
  names: readonly string[];
  /** What to do about it. */
  remedy: RegExp;
}

/**
 * What the text of `kubectl describe netexporter` lacks, each in a sentence: one message of a condition that is not as
 * it should be, or of a Warning Event, has to name all that is at fault and what to do.
 * @param seconds Events that are older are about something else
 */
export function lacksIn(text: string, { names, remedy }: Expectation, seconds = 60): string[] {
  const messages = [...badConditions(text), ...warnings(text, seconds)];
  const named = messages.filter((message) => names.every((name) => isNamed(message, name)));
  if (named.length === 0)
    return [`no message names ${names.join(' and ')}: ${messages.join(' | ') || 'there is none'}`];
  if (named.some((message) => remedy.test(message))) return [];
  return [`no message says what to do about ${names.join(' and ')} (${remedy.source}): ${named.join(' | ')}`];
}

/** The messages of conditions that say that something is not as it should be. */
function badConditions(text: string): string[] {
  const [, block = ''] = /^ {2}Conditions:\n((?: {4}.*\n)*)/m.exec(text) ?? [];
  const conditions = block.split(/^ {4}Last Transition Time:.*\n/m).map((part) => {
    const field = (name: string) => new RegExp(`^ {4}${name}: +(.*)$`, 'm').exec(part)?.[1]?.trim() ?? '';
    return { type: field('Type'), status: field('Status'), message: field('Message') };
  });
  const good: Readonly<Record<string, string>> = { Stalled: 'False', Reconciling: 'False' };
  return conditions
    .filter(({ type, status }) => type !== '' && status !== (good[type] ?? 'True'))
    .map(({ message }) => message);
}

/** Whether a text has a name, and not only as a part of a longer one. */
function isNamed(text: string, name: string): boolean {
  return text.split(name).some((before, index, parts) => {
    const after = parts[index + 1];
    return after !== undefined && !/[\w-]$/.test(before) && !/^[\w-]/.test(after);
  });
}

/** The texts of Warning Events that are at most so many seconds old. */
function warnings(text: string, seconds: number): string[] {
  const [, block = ''] = /^Events:\s*\n([\s\S]*)/m.exec(text) ?? [];
  return block.split('\n').filter((line) => Number(/^ {2}Warning +\S+ +(\d+)s\b/.exec(line)?.[1]) <= seconds);
}
