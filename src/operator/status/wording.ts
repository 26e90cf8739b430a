import type { Contest } from '../apply/rivalry.ts';

/** Of a condition's message: more would be refused by nobody, but read by nobody either. */
const namedAtMost = 3;

/**
 * The first few, and how many more there are.
 * @param count how many there are in all
 */
export function listed(messages: readonly string[], count = messages.length): string {
  return firstFew(messages, count, (more) => `and ${more} more`).join('; ');
}

/**
 * Who keeps changing what of which object, and what to do. It names no time and no count, so that it stays the same while the
 * contest does.
 */
export function contestMessage(what: string, { managers, fields }: Pick<Contest, 'managers' | 'fields'>): string {
  const who = managers.length === 0 ? 'someone' : `the field manager ${joined(managers)}`;
  return `${what}: ${who} keeps changing ${joined(fields)} back; stop it, or exclude this object there; until then it is mended only now and then`;
}

function joined(names: readonly string[]): string {
  return firstFew(names, names.length, (more) => `${more} more`).join(' and ');
}

function firstFew(items: readonly string[], count: number, rest: (more: number) => string): string[] {
  const named = items.slice(0, namedAtMost);
  return count > named.length ? [...named, rest(count - named.length)] : named;
}
