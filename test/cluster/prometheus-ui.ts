import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import { OwnedCgroup } from './owned-cgroup.ts';
import { ownedDirectory } from './owned-name.ts';

/** What upstream builds it with; the lock file among the sources pins everything else. */
const pnpm = 'pnpm@10.34.9';

/** As build_ui.sh has it, but without the old interface and without the check of types. */
const script = `set -e
pnpm install --frozen-lockfile --ignore-scripts --store-dir store --filter '@prometheus-io/mantine-ui...'
bash build_ui.sh --build-module
pnpm --dir mantine-ui exec vite build --emptyOutDir --outDir "$OUTPUT"`;

/**
 * Builds the web interface of Prometheus: its Go module has the sources only.
 * @param sources the folder `web/ui` of the module
 * @param output the folder that takes it
 */
export async function buildPrometheusUi(sources: string, output: string, signal?: AbortSignal): Promise<void> {
  const work = ownedDirectory('prometheus-ui');
  const cgroup = new OwnedCgroup('prometheus-ui');
  try {
    const cwd = join(work, 'ui');
    await cp(sources, cwd, { recursive: true });
    // Politely: tests run beside it.
    const argv = ['nice', '-n', '10', 'npm', 'exec', '--yes', `--package=${pnpm}`, '-c', script];
    const env = { ...process.env, OUTPUT: output, XDG_CACHE_HOME: work, XDG_STATE_HOME: work };
    await run(argv, { cwd, env, signal, cgroups: cgroup.directories });
  } finally {
    await cgroup.remove();
    await rm(work, { recursive: true, force: true });
  }
}
