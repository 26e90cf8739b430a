import { posix } from 'node:path';

const foundation = ['src/base', 'src/crd', 'src/contract', 'src/contract/metrics', 'src/protocol'];
const charts = [
  'charts/monitoring/rules',
  'charts/monitoring',
  'charts/agent',
  'charts/operator',
  'charts/policy',
  'charts/install',
];

const agentShared = ['src/base', 'src/contract', 'src/contract/metrics', 'src/metrics', 'src/agent/log.ts'];
const probes = ['src/agent/echo', 'src/agent/kernel', 'src/agent/probes'];
const eachProbe = ['dns', 'tcp', 'udp', 'ntp'].map((name) => `src/agent/probes/${name}`);
const planned = ['src/protocol', ...agentShared, ...probes, ...eachProbe, 'src/agent/plan'];
const agentRooms = ['src/agent/probes/probes.ts', 'src/agent/sources', 'src/agent/sync', 'src/agent/metrics'];

const kube = ['src/operator/kube', 'src/operator/log'];
const applied = [...kube, 'src/operator/cache', 'src/operator/apply'];
const found = [...applied, 'src/operator/plan', 'src/operator/dns', 'src/operator/reports', 'src/operator/agents'];
const beside = ['src/operator/leader', 'src/operator/events'];
const synced = ['src/operator/sync/tls', 'src/operator/sync/identity', 'src/operator/sync'];
const told = [...found, ...beside, 'src/operator/judge', ...synced, 'src/operator/status'];

/**
 * The rooms of `src` and `charts`, from the ground up, and what each may import of ours besides itself. A room is what
 * stands directly in a folder, or one file that has a place of its own in the order. A room imports only what stands
 * above it here, so imports go one way. Some rooms are still empty.
 */
export const rooms: Record<string, readonly string[]> = {
  'src/base': [],
  'src/crd': ['src/base'],
  'src/contract': ['src/base', 'src/crd'],
  'src/contract/metrics': ['src/contract'],
  'src/contract/api': ['src/contract'],
  'src/metrics': ['src/base', 'src/contract/metrics'],
  'src/listeners': ['src/base', 'src/contract/metrics', 'src/metrics'],
  'src/protocol': ['src/base', 'src/contract'],

  'src/agent/log.ts': [],
  'src/agent/kernel': ['src/base'],
  'src/agent/echo': ['src/base', 'src/listeners', 'src/agent/kernel'],
  'src/agent/http': ['src/base', 'src/listeners'],
  'src/agent/probes': [...agentShared, 'src/agent/kernel'],
  'src/agent/probes/dns': [...agentShared, 'src/agent/kernel', 'src/agent/probes'],
  'src/agent/probes/tcp': [...agentShared, 'src/agent/kernel', 'src/agent/probes'],
  'src/agent/probes/udp': [...agentShared, ...probes],
  'src/agent/probes/ntp': [...agentShared, 'src/agent/kernel', 'src/agent/probes'],
  'src/agent/probes/probes.ts': [...agentShared, 'src/agent/probes', ...eachProbe],
  'src/agent/plan': ['src/protocol', ...agentShared, 'src/agent/probes', ...eachProbe, 'src/agent/probes/probes.ts'],
  'src/agent/sources': ['src/protocol', ...agentShared, 'src/agent/probes', 'src/agent/plan'],
  'src/agent/sync': ['src/protocol', ...agentShared, 'src/agent/probes', 'src/agent/plan'],
  'src/agent/metrics': [...planned, 'src/agent/sources', 'src/agent/sync'],
  'src/agent': [...planned, ...agentRooms, 'src/listeners', 'src/agent/http', 'package.json'],

  'charts/monitoring/rules': ['src/base', 'src/crd', 'src/contract', 'src/contract/metrics'],
  'charts/monitoring': ['src/base', 'src/crd', 'src/contract', 'src/contract/metrics', 'charts/monitoring/rules'],
  'charts/agent': [...foundation, 'charts/monitoring'],
  'charts/operator': ['src/base', 'src/contract'],
  'charts/policy': ['src/base', 'src/crd', 'src/contract', 'charts/monitoring', 'charts/agent'],
  'charts/install': ['src/base', 'src/crd', 'src/contract', 'charts/operator', 'charts/policy'],
  charts: [...foundation, 'src/contract/api', ...charts],
  'charts/dashboards': ['src/base', 'src/contract', 'src/contract/metrics'],
  'charts/main.ts': [...foundation, 'src/contract/api', ...charts, 'charts', 'charts/dashboards'],

  'src/page': ['src/base', 'src/contract', 'src/contract/metrics'],

  'src/operator/kube': ['src/base', 'src/contract'],
  'src/operator/log': ['src/base', 'src/operator/kube'],
  'src/operator/http': ['src/base', 'src/contract', 'src/listeners'],
  'src/operator/cache': ['src/base', 'src/crd', 'src/contract', ...kube],
  'src/operator/apply': ['src/base', 'src/contract', ...kube, 'src/operator/cache'],
  'src/operator/leader': ['src/base', 'src/contract', ...applied],
  'src/operator/events': ['src/base', 'src/crd', 'src/contract', ...kube, 'src/operator/cache'],
  'src/operator/plan': ['src/base', 'src/protocol', 'src/operator/kube'],
  'src/operator/dns': ['src/base', 'src/contract', ...kube, 'src/operator/cache', 'src/operator/plan'],
  'src/operator/reports': ['src/base', 'src/contract', 'src/protocol'],
  'src/operator/agents': [...foundation, ...found.filter((room) => room !== 'src/operator/agents')],
  'src/operator/judge': [
    ...foundation.filter((room) => room !== 'src/contract/metrics'),
    ...found.slice(applied.length),
  ],
  'src/operator/sync/tls': ['src/base', 'src/contract', 'src/protocol', ...applied],
  'src/operator/sync/identity': ['src/base', 'src/contract', 'src/protocol', ...kube, 'src/operator/agents'],
  'src/operator/sync': [
    ...foundation,
    'src/metrics',
    'src/listeners',
    ...found,
    'src/operator/leader',
    'src/operator/judge',
    ...synced.filter((room) => room !== 'src/operator/sync'),
  ],
  'src/operator/status': [...foundation, ...found, 'src/operator/events', 'src/operator/judge'],
  'src/operator/http/api': [...foundation, 'src/contract/api', 'src/metrics', 'src/listeners', ...told],
  'src/operator/controller': [...foundation, ...told, 'charts/agent'],
  'src/operator': [
    ...foundation,
    'src/metrics',
    'src/listeners',
    ...told,
    'src/operator/controller',
    'src/operator/http',
    'src/operator/http/api',
    'package.json',
  ],
};

/** The room of a file, by its path in the checkout; undefined where it is in none. */
export function roomOf(file: string): string | undefined {
  if (rooms[file]) return file;
  const folder = posix.dirname(file);
  return rooms[folder] ? folder : undefined;
}
