/** Of an object or a list without content, and of what refers to each of its fields or items. Bytes. */
const perObject = 40;
const perField = 40;
const perItem = 8;
const perValue = 16;

/**
 * Estimates how much memory a value parsed from JSON takes, in bytes: V8 needs up to thirteen times the length of the
 * text for values such as `[[],[],[]]`, so the length of the text is no measure. Texts count with one byte for each
 * character, as V8 stores Latin-1; others take twice as much.
 * @param enough the rest is not looked at once the result exceeds this
 */
export function memorySize(value: unknown, enough = Infinity): number {
  let size = 0;
  // No recursion: the depth is up to whoever wrote the value.
  const left: unknown[] = [value];
  while (left.length > 0 && size <= enough) {
    const next = left.pop();
    if (typeof next === 'string') size += perValue + next.length;
    else if (Array.isArray(next)) {
      size += perObject + perItem * next.length;
      for (const item of next) left.push(item);
    } else if (typeof next === 'object' && next !== null) {
      size += perObject;
      for (const [name, field] of Object.entries(next)) {
        size += perField + name.length;
        left.push(field);
      }
    } else size += perValue;
  }
  return size;
}
