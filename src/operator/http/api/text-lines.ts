/** Width of the report, in characters. */
export const maxColumns = 100;

/** A text of users without characters that a terminal would act on: controls, and what changes the direction. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** Lines of at most `maxColumns` characters, the first one with `indent`, all others with as many spaces. */
export function wrapped(text: string, indent: string): string[] {
  const width = maxColumns - indent.length;
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text)
    .split(' ')
    .flatMap((each) => piecesOf(each, width))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (lengthOf(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  lines.push(line);
  return lines.map((each, index) => `${index === 0 ? indent : ' '.repeat(indent.length)}${each}`);
}

/** A text of exactly this width: filled with spaces, or cut. */
export function cell(text: string, width: number): string {
  const characters = [...printable(text)];
  if (characters.length > width) return `${characters.slice(0, width - 1).join('')}…`;
  return characters.join('') + ' '.repeat(width - characters.length);
}

function piecesOf(word: string, width: number): string[] {
  const characters = [...word];
  if (characters.length <= width) return [word];
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += width) pieces.push(characters.slice(at, at + width).join(''));
  return pieces;
}

function lengthOf(text: string): number {
  return [...text].length;
}
