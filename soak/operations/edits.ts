import type { Random } from '../random.ts';
import type { SpecPatch } from './clients.ts';
import type { Operation } from './stage.ts';

const hosts = ['kubernetes.default.svc.cluster.local.', 'example.com.', 'a.example.', 'b.example.', 'absent.invalid.'];
const pausedAnnotation = 'net-exporter.dev/paused';
const noLabel = { 'soak.example.com/nowhere': 'yes' };
const label = 'soak.example.com/agents';
/** A rollout replaces half of the agents at a time, each of which takes up to half a minute to stop. */
const rollout = 240;
/** How long a state lasts that the operator has to report, in seconds. */
const shown = 9;

const someHosts = (random: Random): SpecPatch => ({ dns: { hosts: random.sample(hosts, random.integer(0, 3)) } });

/** An edit that stays. */
function edit(name: string, spec: (random: Random) => SpecPatch, deadline?: number): Operation {
  return {
    name: `edit of ${name}`,
    isPlanned: true,
    ...(deadline !== undefined && { deadline }),
    run: (stage) => stage.edit(spec(stage.random)),
  };
}

/** An edit that is taken back after a while. */
function editAndBack(name: string, spec: SpecPatch, before: SpecPatch): Operation {
  return {
    name: `${name} and back`,
    isPlanned: true,
    run: async (stage) => {
      await stage.editForNow(spec, before);
      await stage.pass(stage.random.integer(2, shown));
    },
  };
}

/** Edits of the NetExporter. */
export const edits: readonly Operation[] = [
  edit('hosts', someHosts),
  edit('servers', (random) => ({
    dns: { servers: random.pick([[], ['192.0.2.53'], ['192.0.2.53:5353', '192.0.2.54']]) },
  })),
  edit('intervals', (random) => ({ dns: { interval: `${random.integer(2, 10)}s` } })),
  edit('peersPerAgent', (random) => ({ network: { peersPerAgent: random.integer(0, 12) } })),
  edit(
    'tolerations',
    (random) => ({
      agent: {
        tolerations: random.pick([
          [],
          [{ operator: 'Exists' }],
          [{ operator: 'Exists' }, { key: `soak-${random.integer(1, 99)}`, operator: 'Exists' }],
        ]),
      },
    }),
    rollout,
  ),
  editAndBack('network off', { network: { enabled: false } }, { network: { enabled: true } }),
  editAndBack('Service off', { network: { service: false } }, { network: { service: true } }),
  editAndBack(
    'NetworkPolicy none',
    { monitoring: { networkPolicy: 'None' } },
    { monitoring: { networkPolicy: 'Ingress' } },
  ),
  {
    name: 'burst of edits',
    isPlanned: true,
    run: async (stage) => {
      for (let count = stage.random.integer(4, 8); count > 0; count--) {
        await stage.edit(someHosts(stage.random));
        await stage.pass(stage.random.fraction());
      }
    },
  },
  {
    name: 'nodeSelector that matches nothing and back',
    isPlanned: false,
    deadline: rollout,
    run: async (stage) => {
      const [[key]] = Object.entries(noLabel) as [[string, string]];
      await stage.editForNow({ agent: { nodeSelector: noLabel } }, { agent: { nodeSelector: { [key]: null } } });
      await stage.until('no agent', ({ daemonSet, pods }) => daemonSet?.desired === 0 && pods.length === 0);
      await stage.pass(shown);
    },
  },
  {
    name: 'label of nodeSelector that goes',
    isPlanned: false,
    deadline: rollout,
    run: async (stage) => {
      const node = stage.anyNode();
      const path = `/api/v1/nodes/${node}`;
      stage.later(`label of ${node}`, () => stage.patch(path, { metadata: { labels: { [label]: null } } }));
      await stage.patch(path, { metadata: { labels: { [label]: 'yes' } } });
      await stage.editForNow(
        { agent: { nodeSelector: { [label]: 'yes' } } },
        { agent: { nodeSelector: { [label]: null } } },
      );
      await stage.until('one agent', ({ daemonSet, pods }) => daemonSet?.desired === 1 && pods.length === 1);
      await stage.pass(shown);
      await stage.patch(path, { metadata: { labels: { [label]: null } } });
      await stage.until('no agent', ({ daemonSet }) => daemonSet?.desired === 0);
      await stage.pass(shown);
    },
  },
  {
    name: 'paused, edited and resumed',
    isPlanned: true,
    run: async (stage) => {
      await stage.annotateForNow(pausedAnnotation, 'true');
      await stage.pass(stage.random.integer(0, 3));
      await stage.edit(someHosts(stage.random));
      await stage.pass(shown);
    },
  },
  {
    name: 'paused "TRUE" and edited',
    isPlanned: true,
    run: async (stage) => {
      await stage.annotateForNow(pausedAnnotation, 'TRUE');
      await stage.edit(someHosts(stage.random));
      await stage.pass(shown);
    },
  },
  {
    name: 'image that does not exist and back',
    isPlanned: false,
    deadline: rollout,
    run: async (stage) => {
      await stage.editForNow({ agent: { image: 'localhost/soak/no-such-agent:1' } }, { agent: { image: '' } });
      const isStalled = ({ pods }: { pods: readonly { waiting: string }[] }) =>
        pods.some(({ waiting }) => waiting === 'ImagePullBackOff' || waiting === 'ErrImagePull');
      await stage.until('an image that cannot be pulled', isStalled);
      await stage.pass(shown);
    },
  },
];
