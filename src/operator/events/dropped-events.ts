/**
 * Counts Events that are not written on their own.
 * - `aggregated`: too many about one object, or too many pending writes; a later Event counts them
 * - `overflow`: those of too many objects waited to be aggregated
 * - `failed`: the API server did not accept the Event
 * - `not_leader`: this process ceased to lead before it wrote the Event
 */
export type DroppedEvents = (reason: 'aggregated' | 'overflow' | 'failed' | 'not_leader', count: number) => void;
