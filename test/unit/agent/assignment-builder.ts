import type { Assignment } from '../../../src/protocol/assignment.ts';

/** An assignment of the NetExporter that `settingsWith` names, with two peers. */
export function assignmentWith(changes: Partial<Assignment> = {}): Assignment {
  return {
    version: 1,
    uid: 'uid-1',
    epoch: 1,
    revision: 1,
    zone: 'zone-0',
    peers: [
      { address: '10.2.0.2:8000', node: 'node-b', zone: 'zone-1' },
      { address: '10.2.0.3:8000', node: 'node-c', zone: 'zone-2' },
    ],
    dnsServers: [],
    ...changes,
  };
}
