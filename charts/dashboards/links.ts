import { type AlertName, runbookPage } from '../../src/contract/alerts.ts';
import { projectUrl } from '../../src/contract/project-links.ts';
import { placeholder } from './placeholder.ts';

/** Where the documentation can be read. */
export const documentation = `${projectUrl}/blob/main/docs`;

export const runbooks = `${documentation}/${runbookPage}`;

/** The anchor of an alert's runbook: its name is a heading. */
export function runbookAnchor(alert: AlertName): string {
  return alert.toLowerCase();
}

/** What stands in the cell that is clicked. */
export const clickedValue = placeholder('__value.raw');

/** This dashboard about one node, with everything else as chosen. The cell that is clicked has the node's name. */
export function nodeUrl(uid: string): string {
  const kept = ['datasource', 'cluster', 'namespace', 'netexporter'].map((name) => placeholder(`${name}:queryparam`));
  return `/d/${uid}?${[...kept, `var-node=${clickedValue}`, placeholder('__url_time_range')].join('&')}`;
}
