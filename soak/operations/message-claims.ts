import {
  agentCount,
  configuredCount,
  expectedPods,
  isConfigured,
  isReporting,
  isWithin,
  ownDaemonSet,
  podsOf,
  wantedGeneration,
} from './agents-truth.ts';
import type { Condition, PodFacts } from './facts.ts';
import type { Moment } from './moment.ts';
import { cannotPull, cannotStart, crashes, isUnschedulable } from './reasons.ts';

/** Something that the message of a condition says in addition to its reason. */
export interface Claim {
  text: string;
  isTrue: (moment: Moment) => boolean;
}

/** Sentences with two figures, `3 of 4 agents …`, and whether they are right. */
const figures: readonly [words: RegExp, areRight: (some: number, all: number, moment: Moment) => boolean][] = [
  [
    /(\d+) of (\d+) agents are ready/,
    (some, all, moment) => {
      const { ready, desired } = ownDaemonSet(moment) ?? {};
      return ready === some && desired === all;
    },
  ],
  [
    /(\d+) of (\d+) agents (?:has|have) no pod/,
    (some, all, moment) => {
      const { current = 0, desired } = ownDaemonSet(moment) ?? {};
      return desired === all && desired - current === some;
    },
  ],
  [
    /(\d+) of (\d+) agents run the current pod template/,
    (some, all, moment) => {
      const { updated, desired } = ownDaemonSet(moment) ?? {};
      return updated === some && desired === all;
    },
  ],
  [
    /(\d+) of (\d+) agents have the current settings and targets/,
    (some, all, moment) =>
      isWithin(all, agentCount(moment)) && isWithin(some, configuredCount(moment, wantedGeneration(moment))),
  ],
];

/** Lists of nodes, and whether what is said of one is so. What is in brackets behind it says why. */
const lists: readonly [words: RegExp, isSo: (moment: Moment, node: string, why: string, reason: string) => boolean][] =
  [
    [
      /(?:is on a node that is|are on nodes that are) not ready: ([^.;]*)/,
      ({ nodes }, node) => nodes.some(({ name, isReady }) => name === node && !isReady),
    ],
    [
      /Waiting for: (.*?(?:\)| more))\. /,
      (moment, node, why) =>
        expectedPods(moment).possible.some((pod) => pod.node === node && (lacks[why]?.(moment, pod) ?? false)),
    ],
    [
      /^\d+ agents? [^:]*: (.*)$/,
      (moment, node, _, reason) =>
        podsOf(moment).some((pod) => pod.node === node && (faults[reason]?.(pod, moment.wall) ?? true)),
    ],
  ];

/** What an agent lacks, as ConfigPropagated says it of a node. That it lacks targets the observer cannot know. */
const lacks: Readonly<Record<string, (moment: Moment, pod: PodFacts) => boolean>> = {
  'no request yet': (moment, pod) => !isReporting(moment, pod).surely,
  'no longer sends requests': (moment, pod) => !isReporting(moment, pod).surely,
  'outdated settings': (moment, pod) => !isConfigured(moment, pod, wantedGeneration(moment)).surely,
  'no settings yet': (moment, pod) => !isConfigured(moment, pod, wantedGeneration(moment)).surely,
  'outdated targets': () => true,
  'no targets yet': () => true,
  'targets not planned yet': () => true,
};

/** Pods that are not ready, each with its node: `POD on NODE, POD on NODE and 2 more`. */
const unreadyPods = /Not ready: (.*?)\. (?:If|The|Of) /;

/** The pods that a reason of Stalled or AgentUnschedulable is about. */
const faults: Readonly<Record<string, (pod: PodFacts, wall: number) => boolean>> = {
  AgentImagePullFailed: cannotPull,
  AgentStartFailed: cannotStart,
  AgentCrashLooping: crashes,
  AgentUnschedulable: isUnschedulable,
};

/** The figures and nodes that the message of a condition names. */
export function claimsIn({ reason, message }: Condition): Claim[] {
  return [
    ...figures.flatMap(([words, areRight]) => {
      const match = words.exec(message);
      if (!match) return [];
      const [text, some, all] = match;
      return [{ text, isTrue: (moment: Moment) => areRight(Number(some), Number(all), moment) }];
    }),
    ...lists.flatMap(([words, isSo]) =>
      namedNodes(words.exec(message)?.[1] ?? '').map(({ node, why }) => ({
        text: why ? `${node} (${why})` : `${node} is not ready`,
        isTrue: (moment: Moment) => isSo(moment, node, why, reason),
      })),
    ),
    ...[...(unreadyPods.exec(message)?.[1] ?? '').matchAll(/(\S+) on ([^\s,]+)/g)].map(([text, name, node]) => ({
      text: `${text} is not ready`,
      isTrue: ({ pods }: Moment) => pods.some((pod) => pod.name === name && pod.node === node && !pod.isReady),
    })),
  ];
}

/** The nodes of a local cluster in `node-1 (why), node-2 and 3 more`. */
function namedNodes(list: string): { node: string; why: string }[] {
  return [...list.matchAll(/\b(node-\d+)\b(?: \(([^)]*)\))?/g)].map(([, node = '', why = '']) => ({ node, why }));
}
