import { hostPort, integer, json, list, object, readAs, requireVersion, text } from './document.ts';

/** The version of the assignment that this code writes and reads. A reader refuses any other. */
export const assignmentVersion = 1;

/** The largest assignment that is read, in bytes: far more than the most peers with the longest names. */
export const maxAssignmentBytes = 131_072;

/** An agent that is to be probed. */
export interface AssignedPeer {
  /** `ip:port` (`[v6]:port`); the port is its pod's own. */
  address: string;
  node: string;
  /** Empty where its node has none. */
  zone: string;
}

/** What one agent probes besides what the settings say to all: chosen for it by the operator. */
export interface Assignment {
  version: typeof assignmentVersion;
  /** The uid of the NetExporter. */
  uid: string;
  /** Rises with each change of the leader; within it the revision, which starts at the time, rises with each change for this agent. */
  epoch: number;
  revision: number;
  peers: AssignedPeer[];
  /** DNS pods to ask directly, each as `ip:port` (`[v6]:port`). */
  dnsServers: string[];
}

/**
 * Writes an assignment as an agent keeps it for itself.
 * @throws ProtocolError (`InvalidAssignment`) for one that no reader would take
 */
export function encodeAssignment(assignment: Assignment): string {
  return JSON.stringify(decodeAssignment(assignment));
}

/**
 * Reads and checks the text of an assignment, as `decodeAssignment` does.
 * @throws ProtocolError (`InvalidAssignment`) also when the text is too large or not JSON
 */
export function parseAssignment(text: string): Assignment {
  return decodeAssignment(readAs('InvalidAssignment', () => json(text, maxAssignmentBytes)));
}

/**
 * Checks an assignment. Fields it does not know are ignored.
 * @throws ProtocolError (`InvalidAssignment`) when it is of another version, or a field is missing or out of bounds
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
