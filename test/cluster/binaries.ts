import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { builtOnce } from './build-cache.ts';
import { programsDirectory } from './cache-directories.ts';
import { go, requireGo } from './go-build.ts';
import { buildPrometheusUi } from './prometheus-ui.ts';
import { writeScratchImage } from './scratch-image.ts';

export const corednsImage = 'localhost/net-exporter-cluster/coredns:1';
export const pauseImage = 'localhost/net-exporter-cluster/pause:1';

/** Where the built things are. */
export interface Binaries {
  /** Folder of kube-apiserver, kubelet, kubectl, containerd, the CNI plugins, Prometheus and so on. */
  directory: string;
  /** OCI archives of the images without which no cluster starts. */
  images: string[];
  /** Folder of what Prometheus serves to browsers. */
  prometheusAssets: string;
}

const moduleDirectory = join(import.meta.dirname, 'go');
const commands = [
  './coredns',
  './pause',
  'github.com/containerd/containerd/v2/cmd/containerd',
  'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
  'github.com/containerd/containerd/v2/cmd/ctr',
  'github.com/containernetworking/plugins/plugins/ipam/host-local',
  'github.com/containernetworking/plugins/plugins/main/loopback',
  'github.com/containernetworking/plugins/plugins/main/ptp',
  'github.com/prometheus/prometheus/cmd/prometheus',
  'github.com/prometheus/prometheus/cmd/promtool',
  'k8s.io/kubernetes/cmd/kube-apiserver',
  'k8s.io/kubernetes/cmd/kube-controller-manager',
  'k8s.io/kubernetes/cmd/kube-proxy',
  'k8s.io/kubernetes/cmd/kube-scheduler',
  'k8s.io/kubernetes/cmd/kubectl',
  'k8s.io/kubernetes/cmd/kubelet',
];

/** Prometheus finds targets in Kubernetes and files only: the libraries of all clouds take minutes to build. */
const tags = '-tags=remove_all_sd,enable_kubernetes_sd';

/** The flags of `go build` for what go.mod requires. */
export function buildFlags(goMod: string): string[] {
  const [, kubernetes] = /k8s\.io\/kubernetes (v\S+)/.exec(goMod) ?? [];
  if (kubernetes === undefined) throw new Error('go.mod requires no k8s.io/kubernetes');
  // The module of Prometheus 3.13.5 has the version v0.313.5.
  const [, ...prometheus] = /github\.com\/prometheus\/prometheus v0\.(\d)(\d\d)\.(\d+)/.exec(goMod) ?? [];
  if (prometheus.length === 0) throw new Error('go.mod requires no github.com/prometheus/prometheus');
  const variables = { 'github.com/prometheus/common/version.Version': prometheus.map(Number).join('.') };
  return kubernetesFlags(kubernetes, [tags], variables);
}

/** The flags of `go build`: without the version ones, every component of Kubernetes reports v0.0.0. */
export function kubernetesFlags(
  version: string,
  more: string[] = [],
  variables: Record<string, string> = {},
): string[] {
  const [major, minor] = version.slice('v'.length).split('.');
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const settings = [
    ...Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`),
    ...Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`),
  ];
  return ['-mod=readonly', '-buildvcs=false', '-trimpath', ...more, `-ldflags=-s -w ${settings.join(' ')}`];
}

/**
 * The cluster's programs, built from Go modules where the cache has none of that version: about 10 minutes on two
 * cores, once for a machine. Several callers at a time build once.
 */
export async function ensureBinaries(log: (line: string) => void, signal?: AbortSignal): Promise<Binaries> {
  const flags = currentFlags();
  const onWait = () => log('waiting for another process that is building the same programs');
  const finished = await builtOnce(
    cacheKey(flags),
    async (directory) => {
      await mkdir(join(directory, 'bin'));
      const what = { name: 'Kubernetes, containerd, CoreDNS and Prometheus', cwd: moduleDirectory, commands, flags };
      await buildPrograms(join(directory, 'bin'), what, log, signal);
      log('building the web interface of Prometheus (once on this machine)');
      await buildPrometheusUi(await prometheusSources(), join(directory, 'static/mantine-ui'), signal);
      await mkdir(join(directory, 'images'));
      await writeImage(directory, 'coredns', corednsImage);
      await writeImage(directory, 'pause', pauseImage);
    },
    onWait,
    signal,
  );
  const images = await readdir(join(finished, 'images'));
  return {
    directory: join(finished, 'bin'),
    images: images.map((file) => join(finished, 'images', file)),
    prometheusAssets: join(finished, 'static'),
  };
}

/** The path of one of the cluster's programs; undefined where they have not been built yet. */
export function builtProgram(name: string): string | undefined {
  const path = join(programsDirectory(), cacheKey(currentFlags()), 'bin', name);
  return existsSync(path) ? path : undefined;
}

function currentFlags(): string[] {
  return buildFlags(readFileSync(join(moduleDirectory, 'go.mod'), 'utf8'));
}

async function prometheusSources(): Promise<string> {
  const list = ['list', '-mod=readonly', '-m', '-f', '{{.Dir}}', 'github.com/prometheus/prometheus'];
  return join((await go(list, { cwd: moduleDirectory })).trim(), 'web/ui');
}

function cacheKey(flags: string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([arch(), flags, commands]));
  const sources = globSync(['go.mod', 'go.sum', '**/*.go'], { cwd: moduleDirectory }).sort();
  for (const file of sources) hash.update(file).update(readFileSync(join(moduleDirectory, file)));
  hash.update(readFileSync(join(import.meta.dirname, 'prometheus-ui.ts')));
  return hash.digest('hex').slice(0, 16);
}

/** Programs of one Go module. */
export interface Programs {
  /** What they are, in the log. */
  name: string;
  /** The module's folder. */
  cwd: string;
  /** Their packages. */
  commands: readonly string[];
  flags: readonly string[];
}

export async function buildPrograms(
  output: string,
  { name, cwd, commands, flags }: Programs,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  await requireGo();
  const started = performance.now();
  let downloaded = 0;
  let compiled = 0;
  let total: number | undefined;
  const report = () => {
    const seconds = Math.round((performance.now() - started) / 1000);
    const progress =
      total === undefined
        ? `${downloaded} Go modules downloaded`
        : compiled < total
          ? `${compiled} of at most ${total} packages compiled`
          : 'linking';
    log(`building ${name} (once on this machine): ${progress}, ${seconds} s`);
  };
  report();
  const heartbeat = setInterval(report, 5_000);
  const options = { cwd, signal };
  try {
    const onDownload = () => downloaded++;
    const list = ['list', ...flags, '-deps', ...commands];
    total = (await go(list, { ...options, onErrorLine: onDownload })).trimEnd().split('\n').length;
    await go(['build', '-v', ...flags, '-o', output, ...commands], { ...options, onErrorLine: () => compiled++ });
  } finally {
    clearInterval(heartbeat);
  }
}

async function writeImage(directory: string, command: string, name: string): Promise<void> {
  await writeScratchImage({
    name,
    entrypoint: `/${command}`,
    files: { [command]: join(directory, 'bin', command) },
    archive: join(directory, 'images', `${command}.tar`),
  });
}
