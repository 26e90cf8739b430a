import { Type } from 'typebox';
import { linkStates } from '../suspects.ts';
import { cellStates, text, time } from './parts.ts';
import { type ListName, rowSchemas } from './rows.ts';

/** Path of the API, below the address of the operator. */
export const apiPath = '/api/v1';

export const reportPath = `${apiPath}/report.txt`;

/** A request that one replica passes on to the leader has this header, and is never passed on again. */
export const passedOnHeader = 'net-exporter-passed-on';

/** Maximum number of rows in an answer. */
export const maxLimit = 500;
export const defaultLimit = 100;

/** Filters of lists besides `namespace` and `netexporter`. */
export const filters = {
  node: 'Only rows of this node; of links, those from or to it.',
  state: 'Only rows in this state.',
} as const;

export type FilterName = keyof typeof filters;

interface ListRoute {
  summary: string;
  filters: readonly FilterName[];
  /** Values of the filter `state`. */
  states: readonly string[];
}

/** What each list is about, by the last part of its path. */
export const listRoutes: Record<ListName, ListRoute> = {
  status: {
    summary: 'NetExporters: verdict, conditions, agents and figures.',
    ...{ filters: [], states: [] },
  },
  nodes: {
    summary: 'Nodes, sorted by name: agent, links out and in, lookups.',
    ...{ filters: ['node'], states: [] },
  },
  links: {
    summary: 'Links, sorted by nodes: pairs of an agent and a peer that it probes.',
    ...{ filters: ['node', 'state'], states: linkStates },
  },
  zones: {
    summary: 'Ordered pairs of zones, sorted by name.',
    ...{ filters: ['state'], states: cellStates },
  },
  dns: {
    summary: 'DNS servers and names, sorted.',
    ...{ filters: ['state'], states: linkStates },
  },
  suspects: {
    summary: 'Suspects, sorted by kind and name.',
    ...{ filters: [], states: [] },
  },
  events: {
    summary: 'Events that this leader has recorded about NetExporters, oldest first, at most 1,000.',
    ...{ filters: [], states: [] },
  },
};

/** The answer of a list. */
export function listSchema(name: ListName) {
  return Type.Object(
    {
      leader: Type.Object(
        {
          pod: text('Pod of the operator that leads, which answers.'),
          version: text('Its version.'),
          since: Type.Optional(time('Since when it leads')),
        },
        { description: 'Who answers.' },
      ),
      asOf: Type.Optional(time('When the newest data in the answer was judged; left out before the first judgement')),
      items: Type.Array(rowSchemas[name], { description: 'Rows.' }),
      next: Type.Optional(text('Value of the parameter `after` for the next rows; left out at the end.')),
    },
    { description: listRoutes[name].summary },
  );
}

export const ErrorSchema = Type.Object(
  { error: text('What is wrong, and what to do.') },
  { description: 'An answer other than success.' },
);
