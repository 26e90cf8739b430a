/** Whether a key comes after another one. Keys are compared part by part; a longer one comes after its beginning. */
export function isAfter(key: readonly string[], other: readonly string[]): boolean {
  for (const [index, part] of key.entries()) {
    const otherPart = other[index];
    if (otherPart === undefined || part > otherPart) return true;
    if (part < otherPart) return false;
  }
  return false;
}

/** Index of the first element whose name is not before this one. @param sorted by name */
export function lowerBound(sorted: readonly { name: string }[], name: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]!.name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
