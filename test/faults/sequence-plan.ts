import { Random } from '../../soak/random.ts';
import type { Verb } from './api-request.ts';
import type { Fault, FaultRule, Interruption, Matching } from './fault.ts';
import type { Trespass } from './stranger.ts';

/** One thing that happens. */
export type Action =
  /** A merge patch of a NetExporter. */
  | { do: 'edit'; name: string; patch: object }
  | { do: 'delete'; name: string }
  | { do: 'create'; name: string }
  /** Somebody edits or deletes a child by hand. */
  | { do: 'damage'; name: string; damage: Damage }
  | { do: 'fault'; rule: FaultRule; forMs: number }
  | { do: 'interrupt'; how: Interruption; matching: Matching }
  | { do: 'unreachable'; how: 'refusing' | 'silent'; forMs: number }
  | { do: 'restart'; component: 'apiserver' | 'etcd' }
  | { do: 'end-leader'; signal: 'SIGTERM' | 'SIGKILL' }
  /** The leader does not run for so long, as on a machine that hangs. */
  | { do: 'stop-leader'; forMs: number }
  /** A stranger of the cluster does this; what comes of it is there until the end of the sequence. */
  | { do: 'trespass'; trespass: Trespass };

export interface Damage {
  /** The plural of the child's kind. */
  resource: string;
  /** What is added to the NetExporter's name. */
  suffix: string;
  /** A merge patch; undefined: it is deleted. */
  patch: object | undefined;
}

export interface Step {
  action: Action;
  /** How long to wait before the next one, in milliseconds. */
  pauseMs: number;
}

export interface PlanOptions {
  /** A node of the cluster, for the few agents that run. */
  node: string;
  steps: number;
  /** How probable it is that something heavy happens, once, or what does: such things take many seconds. */
  heavy: number | Heavy;
  /** How probable it is that a stranger does something, twice. */
  strangers?: number;
}

/** A component of the control plane restarts, or the leader hangs for longer than it may lead. */
export type Heavy = 'apiserver' | 'etcd' | 'hang';

/** The NetExporters that a sequence works on. */
export const sequenceNames = ['one', 'two', 'three'];

const noNode = 'example.com/no-node';

/**
 * What each sequence begins with: no agent but on one node, since pods take time and these tests are about the
 * operator.
 */
export function firstSpec(name: string, node: string): object {
  return { agent: { nodeSelector: name === 'one' ? { 'kubernetes.io/hostname': node } : { [noNode]: 'true' } } };
}

/** What happens in the sequence of that seed. */
export function planSequence(seed: number, { node, steps, heavy, strangers = 0 }: PlanOptions): Step[] {
  const random = new Random(seed);
  const actions = Array.from({ length: steps }, () => lightAction(random, node));
  if (typeof heavy === 'string' || random.chance(heavy)) {
    // The draws in this order, so that a seed goes on meaning what it meant.
    const at = random.integer(1, actions.length - 1);
    const drawn = heavyOf(random.fraction());
    actions.splice(at, 1, heavyAction(typeof heavy === 'string' ? heavy : drawn));
  }
  const planned = actions.map((action) => ({ action, pauseMs: random.integer(0, 400) }));
  for (let draw = 0; draw < 2; draw++)
    if (random.chance(strangers)) {
      const action: Action = { do: 'trespass', trespass: trespass(random) };
      planned.splice(random.integer(0, planned.length - 1), 0, { action, pauseMs: random.integer(0, 400) });
    }
  return planned;
}

/** Something that a stranger may do. */
export function trespass(random: Random): Trespass {
  const terms = random.pick<unknown>([[null], [{ matchExpressions: 5 }], [{ matchFields: 'all' }], 'every']);
  return random.pick<Trespass>([
    { kind: 'services', count: random.integer(20, 80) },
    // More of them than one response of the API server may hold, or a few.
    { kind: 'large-objects', count: random.pick([3, 10, 80]) },
    { kind: 'account' },
    {
      kind: 'affinity',
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
    },
    { kind: 'connections', count: random.integer(50, 400) },
    { kind: 'reports', forMs: random.integer(1000, 6000) },
  ]);
}

function lightAction(random: Random, node: string): Action {
  const name = random.pick(sequenceNames);
  const draw = random.fraction();
  if (draw < 0.34) return { do: 'edit', name, patch: edit(random, node) };
  if (draw < 0.38) return { do: 'delete', name };
  if (draw < 0.46) return { do: 'create', name };
  if (draw < 0.6) return { do: 'damage', name, damage: damage(random) };
  if (draw < 0.82) return { do: 'fault', rule: rule(random), forMs: random.integer(200, 2000) };
  if (draw < 0.93) return { do: 'interrupt', how: random.pick(interruptions), matching: watched(random) };
  if (draw < 0.97)
    return { do: 'unreachable', how: random.pick(['refusing', 'silent'] as const), forMs: random.integer(200, 1500) };
  return { do: 'end-leader', signal: random.pick(['SIGTERM', 'SIGKILL'] as const) };
}

function heavyOf(draw: number): Heavy {
  return draw < 0.3 ? 'apiserver' : draw < 0.6 ? 'etcd' : 'hang';
}

function heavyAction(heavy: Heavy): Action {
  return heavy === 'hang' ? { do: 'stop-leader', forMs: 17_000 } : { do: 'restart', component: heavy };
}

const interruptions: readonly Interruption[] = ['cut', 'corrupt', 'expired', 'silent'];

const resources = [
  'netexporters',
  ...['configmaps', 'daemonsets', 'networkpolicies', 'pods', 'serviceaccounts', 'services'],
];

function watched(random: Random): Matching {
  return random.chance(0.5) ? {} : { resource: random.pick(resources) };
}

function edit(random: Random, node: string): object {
  const seconds = random.integer(2, 20);
  return random.pick([
    { spec: { dns: { hosts: random.sample(['a.example.', 'b.example.', 'c.example'], random.integer(0, 3)) } } },
    { spec: { dns: { interval: `${seconds}s`, timeout: `${random.integer(1, Math.min(seconds, 5))}s` } } },
    { spec: { dns: { enabled: random.chance(0.7) }, network: { enabled: random.chance(0.7) } } },
    { spec: { network: { peersPerAgent: random.integer(0, 20), service: random.chance(0.5) } } },
    { spec: { agent: { port: random.integer(8000, 8009) } } },
    { spec: { agent: { podLabels: { round: random.pick(['1', '2', null]) } } } },
    { spec: { agent: { maxUnavailable: random.pick(['10%', '50%', 1]) } } },
    {
      spec: {
        agent: {
          nodeSelector: random.chance(0.3)
            ? { [noNode]: null, 'kubernetes.io/hostname': node }
            : { [noNode]: 'true', 'kubernetes.io/hostname': null },
        },
      },
    },
    { spec: { monitoring: { networkPolicy: random.pick(['Ingress', 'Strict', 'None']) } } },
    { metadata: { labels: { round: random.pick(['1', '2', null]) } } },
  ]);
}

/** Edits of children by hand: the plural of the kind, what is added to the NetExporter's name, and a merge patch. */
export const damages: readonly [resource: string, suffix: string, patch: object][] = [
  ['configmaps', 'agent', { data: { 'settings.json': '{}' } }],
  ['services', 'agent', { spec: { selector: { stray: 'yes' } } }],
  ['services', 'agent-peers', { spec: { publishNotReadyAddresses: false } }],
  ['daemonsets', 'agent', { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } } }],
  ['daemonsets', 'agent', { spec: { template: { spec: { priorityClassName: 'system-cluster-critical' } } } }],
  ['networkpolicies', 'agent', { spec: { ingress: [] } }],
  ['serviceaccounts', 'agent', { automountServiceAccountToken: true }],
];

function damage(random: Random): Damage {
  const [resource, suffix, patch] = random.pick(damages);
  const draw = random.fraction();
  if (draw < 0.4) return { resource, suffix, patch: undefined };
  if (draw < 0.55) {
    // The watch then shows it no more.
    const labels = { 'app.kubernetes.io/managed-by': random.pick([null, 'somebody']) };
    return { resource, suffix, patch: { metadata: { labels } } };
  }
  return { resource, suffix, patch };
}

function rule(random: Random): FaultRule {
  const [fault, verbs] = random.pick<[Fault, readonly Verb[] | undefined]>([
    [{ kind: 'status', status: 429, retryAfterSeconds: 1 }, undefined],
    [{ kind: 'status', status: 429 }, undefined],
    [{ kind: 'status', status: 500 }, undefined],
    [{ kind: 'status', status: 503, retryAfterSeconds: 1 }, undefined],
    [{ kind: 'status', status: 410 }, ['watch', 'list']],
    [{ kind: 'expired' }, ['watch']],
    [{ kind: 'delay', ms: random.integer(50, 1500) }, undefined],
    [{ kind: 'silent' }, undefined],
    [{ kind: 'lost-answer' }, ['create', 'patch', 'delete']],
    [{ kind: 'cut', afterBytes: random.integer(0, 3000) }, undefined],
    [{ kind: 'trickle', bytes: random.integer(1, 200), everyMs: random.integer(1, 20) }, undefined],
    [{ kind: 'corrupt' }, undefined],
  ]);
  const matching = { ...(verbs && { verbs }), ...watched(random) };
  return { matching, fault, share: random.pick([0.3, 0.7, 1]) };
}
