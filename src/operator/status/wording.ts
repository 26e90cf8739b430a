import type { FieldConflict } from '../apply/field-conflicts.ts';

/** Maximum number of items named in a message. */
export const maxNamed = 3;

/** Maximum length of an error in a message, so that the advice after it is not cut off. */
export const maxCauseLength = 600;

/** Joins messages that are full sentences: the first few, and the number of the others. */
export function sentences(messages: readonly string[]): string {
  return firstFew(messages, (more) => `And ${more} more.`).join(' ');
}

/**
 * Joins items with commas: the first few, and the number of the others.
 * @param count the number of all items, of which `items` may be only the first
 */
export function listOf(items: readonly string[], count = items.length): string {
  const named = items.slice(0, maxNamed);
  const more = count - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

/** Ends a text of someone else, such as the API server's message, like a sentence. */
export function withPeriod(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** `created a, updated b` as a sentence. */
export function asSentence(text: string): string {
  return withPeriod(text.charAt(0).toUpperCase() + text.slice(1));
}

/**
 * Who keeps overwriting which fields of an object, and what to do. The message contains no time and no count, so it
 * does not change during a conflict.
 */
export function conflictMessage(
  what: string,
  { managers, fields }: Pick<FieldConflict, 'managers' | 'fields'>,
): string {
  const remedy =
    'Configure it to ignore this object; until then the operator reverts the change at increasing intervals';
  return `${who(managers)} overwriting ${joined(fields)} of ${what}. ${remedy} (up to 5 minutes).`;
}

function who(managers: readonly string[]): string {
  if (managers.length === 0) return 'An unknown client keeps';
  return managers.length === 1
    ? `The field manager ${managers[0]} keeps`
    : `The field managers ${joined(managers)} keep`;
}

function joined(names: readonly string[]): string {
  return firstFew(names, (more) => `${more} more`).join(' and ');
}

function firstFew(items: readonly string[], rest: (more: number) => string): string[] {
  const named = items.slice(0, maxNamed);
  return items.length > named.length ? [...named, rest(items.length - named.length)] : named;
}

/** As metav1.Time writes it: whole seconds. @param now milliseconds since the epoch */
export function timestamp(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
}
