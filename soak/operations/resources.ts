import type { Operation, Stage } from './stage.ts';

const rollout = 240;

/** Deletes the NetExporter, and waits until it is gone. */
async function remove(stage: Stage, propagationPolicy: 'Orphan' | 'Background'): Promise<void> {
  await stage.delete(stage.path, { propagationPolicy });
  await stage.until('the end of the NetExporter', ({ resource }) => resource === undefined);
}

/** NetExporters and namespaces that go and come again. */
export const resources: readonly Operation[] = [
  {
    name: 'NetExporter deleted and created again',
    isPlanned: false,
    deadline: rollout,
    run: async (stage) => {
      await remove(stage, 'Background');
      await stage.pass(stage.random.integer(0, 5));
      await stage.create();
    },
  },
  {
    name: 'NetExporter deleted without its children and created again',
    isPlanned: false,
    deadline: rollout,
    run: async (stage) => {
      await remove(stage, 'Orphan');
      await stage.pass(stage.random.integer(0, 5));
      await stage.create();
    },
  },
  {
    name: 'namespace deleted and made anew',
    isPlanned: false,
    deadline: rollout,
    run: async (stage) => {
      const { kubectl } = stage.bench;
      stage.observer.acted();
      await kubectl(['delete', 'namespace', stage.namespace, '--timeout=180s']);
      await kubectl(['create', 'namespace', stage.namespace]);
      await stage.create();
    },
  },
];
