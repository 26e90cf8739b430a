/**
 * The beginning of a text, of at most `maxLength` UTF-16 code units. It is a copy: in V8, a part of a text, also within
 * a longer one, keeps the whole original in memory.
 */
export function boundedText(text: string, maxLength: number): string {
  return Buffer.from(text.slice(0, maxLength)).toString();
}
