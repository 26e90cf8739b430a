import { createHash } from 'node:crypto';
import { link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { basename, join } from 'node:path';
import { type Binaries, buildPrograms, kubernetesFlags } from './binaries.ts';
import { builtOnce } from './build-cache.ts';
import { go, requireGo } from './go-build.ts';

interface Release {
  version: string;
  /** Staging modules of which an earlier patch release is taken: not every module proxy has that of this one. */
  earlier?: Readonly<Record<string, string>>;
}

const releases = {
  '1.31': {
    version: '1.31.14',
    earlier: {
      'k8s.io/endpointslice': 'v0.31.13',
      'k8s.io/kube-controller-manager': 'v0.31.13',
      'k8s.io/kube-proxy': 'v0.31.11',
      'k8s.io/kube-scheduler': 'v0.31.13',
    },
  },
  '1.33': { version: '1.33.13' },
  '1.35': { version: '1.35.4' },
} as const satisfies Record<string, Release>;

/** A minor version that a cluster can have instead of that of go/go.mod. */
export type OlderKubernetes = keyof typeof releases;
export const olderKubernetes = Object.keys(releases) as OlderKubernetes[];

const commands = ['kube-apiserver', 'kube-controller-manager', 'kube-proxy', 'kube-scheduler', 'kubectl', 'kubelet'];
const packages = commands.map((command) => `k8s.io/kubernetes/cmd/${command}`);

export function versionOf(minor: OlderKubernetes): string {
  return `v${releases[minor].version}`;
}

/**
 * The cluster's programs with those of another version of Kubernetes: built where the cache has none of them, about 8
 * minutes on two cores, once for a machine.
 * @param current all programs of the newest version
 */
export async function withKubernetes(
  minor: OlderKubernetes,
  current: Binaries,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<Binaries> {
  const version = versionOf(minor);
  const flags = kubernetesFlags(version);
  const onWait = () => log(`waiting for another process that is building Kubernetes ${version}`);
  const build = async (directory: string) => {
    await mkdir(join(directory, 'bin'));
    const module = join(directory, 'module');
    await mkdir(module);
    await writeModule(module, releases[minor], log, signal);
    const what = { name: `Kubernetes ${version}`, cwd: module, commands: packages, flags };
    await buildPrograms(join(directory, 'bin'), what, log, signal);
  };
  const kubernetes = await builtOnce(keyOf([arch(), releases[minor], packages, flags]), build, onWait, signal);
  const merge = async (directory: string) => {
    for (const from of [join(kubernetes, 'bin'), current.directory])
      for (const file of await readdir(from)) await linkUnlessThere(join(from, file), join(directory, file));
  };
  const key = keyOf([basename(kubernetes), current.directory]);
  return { ...current, directory: await builtOnce(key, merge, undefined, signal) };
}

function keyOf(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

async function linkUnlessThere(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Writes go.mod and go.sum of a module whose only requirement is that Kubernetes. */
async function writeModule(
  directory: string,
  release: Release,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  await requireGo();
  log(`downloading the Go modules of Kubernetes ${release.version}`);
  const options = { cwd: directory, signal };
  const { GoMod } = JSON.parse(
    await go(['mod', 'download', '-json', `k8s.io/kubernetes@v${release.version}`], options),
  ) as { GoMod: string };
  await writeFile(join(directory, 'go.mod'), olderModule(await readFile(GoMod, 'utf8'), release));
  await go(['list', '-mod=mod', '-deps', ...packages], options);
}

/**
 * The go.mod that builds a Kubernetes as its own go.mod does: with its version and settings of Go, and the staging
 * modules of the same version.
 * @param goMod that of k8s.io/kubernetes
 */
export function olderModule(goMod: string, { version, earlier = {} }: Release): string {
  const go = goMod.match(/^go .*$|^godebug (?:[^(\n]*$|\([^)]*\))/gm) ?? [];
  const staging = [...goMod.matchAll(/(k8s\.io\/\S+) => \.\/staging\//g)].map(([, module]) => module!);
  const staged = staging.map(
    (module) => `replace ${module} => ${module} ${earlier[module] ?? version.replace(/^1\./, 'v0.')}`,
  );
  return ['module older-kubernetes', ...go, `require k8s.io/kubernetes v${version}`, ...staged, ''].join('\n');
}
