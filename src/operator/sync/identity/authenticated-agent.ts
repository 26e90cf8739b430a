import { agentNames } from '../../../contract/agent-names.ts';
import type { AuthenticatedAgent } from '../../agents/sync-source.ts';
import { SyncRefusal } from './sync-refusal.ts';
import type { TokenClaims } from './token-verifier.ts';

/** An agent's pod in the cache. */
export interface PodRecord {
  uid: string;
  /** The key of its NetExporter. */
  owner: string;
  node: string;
  /** Whether it belongs to the DaemonSet of its NetExporter. Anyone who may create pods can copy labels and account. */
  isAgent: boolean;
}

/**
 * Matches the claims of a verified token with a pod that runs as an agent. A deleted pod does not match, although its
 * token is valid for up to another hour.
 * @param pod the pod of that name in the cache
 * @throws SyncRefusal NotAnAgent
 */
export function authenticatedAgent(claims: TokenClaims, pod: PodRecord | undefined): AuthenticatedAgent {
  const { namespace, serviceAccount, node, podUid } = claims;
  const name = `pod ${namespace}/${claims.pod}`;
  if (!pod) throw new SyncRefusal('NotAnAgent', `${name} is not a known agent`);
  if (pod.uid !== podUid) throw new SyncRefusal('NotAnAgent', `${name} has another uid than in the token`);
  if (pod.node !== node) throw new SyncRefusal('NotAnAgent', `${name} runs on another node than in the token`);
  const expected = agentNames(pod.owner.slice(pod.owner.indexOf('/') + 1)).agent;
  if (serviceAccount !== expected || !pod.owner.startsWith(`${namespace}/`))
    throw new SyncRefusal('NotAnAgent', `${name} runs as service account ${serviceAccount}, not ${expected}`);
  if (!pod.isAgent) throw new SyncRefusal('NotAnAgent', `${name} does not belong to DaemonSet ${expected}`);
  return { resource: pod.owner, podUid, pod: claims.pod, node };
}
