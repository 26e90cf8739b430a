/** Of a condition's message: more would be refused by nobody, but read by nobody either. */
const namedAtMost = 3;

/**
 * The first few, and how many more there are.
 * @param count how many there are in all
 */
export function listed(messages: readonly string[], count = messages.length): string {
  const named = messages.slice(0, namedAtMost);
  const more = count - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
