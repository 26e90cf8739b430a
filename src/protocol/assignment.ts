import { hostPort, integer, json, list, object, readAs, requireVersion, text } from './document.ts';

/** Version of the assignment that this code writes and reads. Readers reject all others. */
export const assignmentVersion = 1;

/** Maximum size of an assignment, in bytes: far more than the maximum number of peers with the longest names. */
export const maxAssignmentBytes = 131_072;

/** An agent to probe. */
export interface AssignedPeer {
  /** `ip:port` (`[v6]:port`) of the pod. */
  address: string;
  node: string;
  /** Empty if the node has none. */
  zone: string;
}

/** What one agent probes in addition to the settings, which are the same for all agents. Chosen by the operator. */
export interface Assignment {
  version: typeof assignmentVersion;
  /** The uid of the NetExporter. */
  uid: string;
  /**
   * Increases with each change of the leader. Within an epoch, the revision increases with each change for this agent;
   * it starts at the current time.
   */
  epoch: number;
  revision: number;
  /** Zone of the agent's node. Empty if the node has none, or the operator is of a version that does not send it. */
  zone: string;
  peers: AssignedPeer[];
  /** DNS pods to query directly, each as `ip:port` (`[v6]:port`). */
  dnsServers: string[];
}

/**
 * Encodes an assignment for the state cache of the agent.
 * @throws ProtocolError (`InvalidAssignment`) for an invalid assignment
 */
export function encodeAssignment(assignment: Assignment): string {
  return JSON.stringify(decodeAssignment(assignment));
}

/**
 * Parses and validates an assignment like `decodeAssignment`.
 * @throws ProtocolError (`InvalidAssignment`), also if the text is too large or not JSON
 */
export function parseAssignment(text: string): Assignment {
  return decodeAssignment(readAs('InvalidAssignment', () => json(text, maxAssignmentBytes)));
}

/**
 * Validates an assignment. Ignores unknown fields.
 * @throws ProtocolError (`InvalidAssignment`) if it has another version, or a field is missing or out of bounds
 */
export function decodeAssignment(value: unknown): Assignment {
  return readAs('InvalidAssignment', () => {
    const document = object(value, 'the document');
    requireVersion(document.version, assignmentVersion);
    return {
      version: assignmentVersion,
      uid: text(document.uid, 'uid', 64),
      epoch: integer(document.epoch, 'epoch', 0, Number.MAX_SAFE_INTEGER),
      revision: integer(document.revision, 'revision', 1, Number.MAX_SAFE_INTEGER),
      zone: document.zone === undefined ? '' : text(document.zone, 'zone', 63, 0),
      peers: list(document.peers, 'peers', 110, peer),
      dnsServers: list(document.dnsServers, 'dnsServers', 16, hostPort),
    };
  });
}

function peer(value: unknown, path: string): AssignedPeer {
  const { address, node, zone } = object(value, path);
  return {
    address: hostPort(address, `${path}.address`),
    node: text(node, `${path}.node`, 253),
    zone: text(zone, `${path}.zone`, 63, 0),
  };
}
