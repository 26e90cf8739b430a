import { timestamp } from '../../status/wording.ts';
import type { ListPage } from './list-page.ts';

/** Who answers. */
export interface Leader {
  pod: string;
  version: string;
  since?: string;
}

/** The answer of a list as JSON, one row a line. */
export function listText(leader: Leader, { rows, next, judgedAt }: ListPage): string {
  const head = { leader, ...(judgedAt !== undefined && { asOf: timestamp(judgedAt) }) };
  const tail = next === undefined ? '' : `,"next":${JSON.stringify(next)}`;
  return `${JSON.stringify(head).slice(0, -1)},"items":[${rows.map((row) => `\n${row}`).join(',')}\n]${tail}}\n`;
}
