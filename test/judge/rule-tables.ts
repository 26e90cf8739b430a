import type { Cleanups } from '../cluster/cleanups.ts';
import { run } from '../cluster/command.ts';
import type { FaultSite } from './fault-site.ts';
import { forwardTable, redirectTable, translationTable } from './packet-rules.ts';

let tables = 0;

/** Each fault has a table of its own: two of them may affect the same node. */
const newTable = () => `net_exporter_fault_${++tables}`;

/** Applies rules to what a node forwards until `undo` runs. */
export async function applyRules(
  site: FaultSite,
  undo: Cleanups,
  node: string,
  rules: readonly string[],
): Promise<void> {
  await applyTable(site, undo, node, (table) => forwardTable(table, rules));
}

/** Has a node go on translating the addresses of established connections until `undo` runs. */
export async function keepTranslating(site: FaultSite, undo: Cleanups, node: string): Promise<void> {
  await applyTable(site, undo, node, translationTable);
}

async function applyTable(
  { cluster }: FaultSite,
  undo: Cleanups,
  node: string,
  scriptOf: (table: string) => string,
): Promise<void> {
  const table = newTable();
  await cluster.exec(node, ['nft', '-f', '-'], { input: scriptOf(table) });
  undo.add(`table ${table} on ${node}`, () => cluster.exec(node, ['nft', 'delete', 'table', 'inet', table]));
}

/**
 * Redirects DNS queries to another port of the same pod until `undo` runs.
 * @param netns path of the pod's network namespace
 */
export async function redirectQueries(undo: Cleanups, netns: string, port: number): Promise<void> {
  const table = newTable();
  const nft = ['nsenter', `--net=${netns}`, 'nft'];
  await run([...nft, '-f', '-'], { input: redirectTable(table, port) });
  undo.add(`table ${table} of a DNS pod`, () => run([...nft, 'delete', 'table', 'inet', table]));
}
