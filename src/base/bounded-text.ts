/**
 * The beginning of a text, of at most `maxLength` UTF-16 code units. It is a copy: in V8, a part of a text, also within
 * a longer one, keeps the whole original in memory.
 */
export function boundedText(text: string, maxLength: number): string {
  return Buffer.from(text.slice(0, maxLength)).toString();
}

/**
 * A text of at most `maxLength` UTF-16 code units. The end of a longer one is replaced by an ellipsis, never within a
 * character. It keeps no longer text in memory.
 */
export function shortened(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const cut = text.slice(0, maxLength - 1);
  return `${boundedText(cut, /[\uD800-\uDBFF]$/.test(cut) ? cut.length - 1 : cut.length)}…`;
}
