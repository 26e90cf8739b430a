import type { NetExporter } from '../../../crd/net-exporter.ts';
import type { PastEvent } from '../../events/event-history.ts';
import type { KnownFleet } from '../../judge/fleet-judges.ts';
import type { NodeFacts } from '../../plan/node-facts.ts';

/** What the API serves. Only the leader knows of fleets and Events. */
export interface ApiSource {
  isLeading: () => boolean;
  /** Since when this operator leads, in milliseconds since the epoch; undefined if it does not. */
  leadingSince: () => number | undefined;
  /** The address of the leader's pod; undefined without a leader. */
  leaderAddress: () => string | undefined;
  resources: () => Iterable<NetExporter>;
  /** What is known of the agents of a NetExporter, by its key; undefined if it is gone or nothing is known. */
  fleetOf: (key: string) => KnownFleet | undefined;
  /** The one that happened last is the last. */
  events: () => Iterable<PastEvent>;
  nodeOf: (name: string) => NodeFacts | undefined;
}
