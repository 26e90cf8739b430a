import { shortened } from '../../base/bounded-text.ts';
import { withoutSecrets } from '../../base/redaction.ts';
import { maxCauseLength, withPeriod } from './wording.ts';

/** Maximum length of an Event's text that is read. The API server limits that of events.k8s.io only, to 1,024 bytes. */
const maxNoteLength = 2000;

/** What the DaemonSet controller, and the Event recorder for similar Events, write before the API server's answer. */
const prefixes = /^(\(combined from similar events\): )?(Error creating: )?/;

/**
 * The API server's answer to the creation of a DaemonSet's pod, from an Event of the DaemonSet controller: on one line,
 * without credentials, and with the same text for every pod.
 */
export function refusalOf(note: string, daemonSet: string): string {
  const text = withoutSecrets(shortened(note, maxNoteLength)).trim().replaceAll(/\s+/g, ' ').replace(prefixes, '');
  // The random end of a pod's name (the name of a DaemonSet of ours has only letters, digits and hyphens).
  const unnamed = text.replaceAll(new RegExp(`\\b${daemonSet}-[a-z0-9]{5}\\b`, 'g'), `${daemonSet}-*`);
  return shortened(unnamed, maxCauseLength);
}

/** What to do, by a part of the API server's answer; the first that matches. */
const remedies: [answer: RegExp, remedy: string][] = [
  [
    /no PriorityClass with name/,
    'Create that PriorityClass, or set spec.agent.priorityClassName to one that exists, such as net-exporter-agent.',
  ],
  [
    /insufficient quota to match these scopes|PriorityClass In/,
    'Set spec.agent.priorityClassName to a class that the namespace admits, such as net-exporter-agent, or create a ResourceQuota for the class.',
  ],
  [
    /quota|(?:maximum|minimum) .* usage per|limit to request ratio per/,
    'Raise the quota or limit, or change spec.agent.resources.',
  ],
  [
    /violates PodSecurity/,
    'Agents meet the level restricted: find out what adds to their pods, such as an admission webhook, or change the level of the namespace.',
  ],
  [
    /security context constraint/,
    'Allow the ServiceAccount of the agents to use a SecurityContextConstraints, such as restricted-v2.',
  ],
  [/failed calling webhook/, 'Check that admission webhook.'],
  [
    /admission webhook|ValidatingAdmissionPolicy|denied/,
    'Change what the message names, or exclude these pods from that policy.',
  ],
];

/**
 * Why agents have no pod, and what to do.
 * @param refusal as of `refusalOf`
 */
export function refusalMessage(refusal: string, missing: number, desired: number): string {
  const remedy = remedies.find(([answer]) => answer.test(refusal))?.[1] ?? 'Correct what the message names.';
  const verb = missing === 1 ? 'has' : 'have';
  const fact = `${missing} of ${desired} agents ${verb} no pod, because the API server refuses it`;
  return `${fact}: ${withPeriod(refusal)} ${remedy} Kubernetes tries again within 17 minutes.`;
}
