import type { Contest } from '../apply/rivalry.ts';

const namedAtMost = 3;

/**
 * Who keeps changing what of which object, and what to do. It names no time and no count, so that it stays the same while the
 * contest does.
 */
export function contestMessage(what: string, { managers, fields }: Pick<Contest, 'managers' | 'fields'>): string {
  const who = managers.length === 0 ? 'someone' : `the field manager ${listed(managers)}`;
  return `${what}: ${who} keeps changing ${listed(fields)} back; stop it, or exclude this object there; until then it is mended only now and then`;
}

function listed(names: string[]): string {
  const more = names.length - namedAtMost;
  return [...names.slice(0, namedAtMost), ...(more > 0 ? [`${more} more`] : [])].join(' and ');
}
