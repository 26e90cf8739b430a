import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { table } from '../bench/figures.ts';
import { Interruption } from '../bench/interruption.ts';
import {
  counted,
  oneOf,
  parseCommandLine,
  positiveNumber,
  runScript,
  UsageError,
  wholeNumber,
} from '../src/base/command-line.ts';
import { ClusterError } from '../test/cluster/cluster-error.ts';
import { olderKubernetes } from '../test/cluster/older-kubernetes.ts';
import * as agent from './agent.ts';
import * as alerts from './alerts.ts';
import * as firstContact from './first-contact.ts';
import * as ipv6 from './ipv6.ts';
import * as judge from './judge.ts';
import * as operations from './operations.ts';
import * as operator from './operator.ts';
import * as prometheus2 from './prometheus-2.ts';
import * as quiet from './quiet.ts';
import { type Soak, violations } from './soak.ts';
import * as sync from './sync.ts';
import * as versions from './versions.ts';

/** A soak is a module beside this one that exports `run`, and a line here. */
const soaks: Readonly<Record<string, Soak>> = {
  agent: agent.run,
  operator: operator.run,
  operations: operations.run,
  judge: judge.run,
  alerts: alerts.run,
  quiet: quiet.run,
  sync: sync.run,
  'first-contact': firstContact.run,
  'prometheus-2': prometheus2.run,
  ipv6: ipv6.run,
  versions: versions.run,
};

const usage = `Runs a part of this project for a long time under everything that it must bear, on this machine (Linux, root).

  npm run soak -- NAME [--minutes N] [--seed S]
  npm run soak -- operator --sequences N [--seed S]
  npm run soak -- versions [--kubernetes VERSION]
  npm run soak -- alerts [--faults NAME,…] [--minutes N] [--seed S]

NAME is one of: ${Object.keys(soaks).join(', ')}. The verdict is printed and written to soak/results/NAME-SEED.json; the exit code
is 1 when something was not as it must be. Several can run side by side: each has a cluster of its own.
  --minutes    how long, 30 by default, 1440 at most
  --sequences  runs so many sequences of edits and faults instead, 100000 at most, without the minutes that operator
               otherwise ends with: those in which the API server is away, and those in which nothing happens
  --kubernetes runs on that one of ${olderKubernetes.join(', ')} instead of on all of them; first-contact and versions end when they
               are done, whatever time they were given; judge and alerts do each kind of fault once at least
  --faults     makes only these faults for alerts, such as node_deaf,clocks_wrong
  --seed       repeats the choices of an earlier run, which printed it`;

const log = (line: string) => console.log(`# ${new Date().toISOString().slice(11, 19)} ${line}`);

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, ['minutes', 'seed', 'sequences', 'kubernetes', 'faults'], 1);
  const name = oneOf('soak', Object.keys(soaks), positionals[0]);
  const soak = soaks[name]!;
  const minutes = positiveNumber('minutes', values.minutes ?? '30', 24 * 60);
  const sequences = values.sequences === undefined ? undefined : wholeNumber('sequences', values.sequences, 1, 100_000);
  if (sequences !== undefined && name !== 'operator')
    throw new UsageError(`--sequences is of operator, not of ${name}`);
  if (sequences !== undefined && values.minutes !== undefined)
    throw new UsageError('--sequences takes the place of --minutes');
  if (values.kubernetes !== undefined && name !== 'versions')
    throw new UsageError(`--kubernetes is of versions, not of ${name}`);
  if (values.faults !== undefined && name !== 'alerts') throw new UsageError(`--faults is of alerts, not of ${name}`);
  const faults = values.faults?.split(',');
  const kubernetes =
    values.kubernetes === undefined ? undefined : oneOf('version of Kubernetes', olderKubernetes, values.kubernetes);
  const seeds = 2 ** 32;
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * seeds) : wholeNumber('seed', values.seed, 0, seeds - 1);
  const { signal } = new Interruption();
  const startedAt = new Date();
  const length =
    kubernetes !== undefined
      ? `--kubernetes ${kubernetes}`
      : sequences === undefined
        ? `--minutes ${minutes}`
        : `--sequences ${sequences}`;
  const only = faults === undefined ? '' : ` --faults ${faults.join(',')}`;
  log(`soaking ${name}; to repeat: npm run soak -- ${name} ${length}${only} --seed ${seed}`);
  const { figures, failures, details } = await soak({ seed, minutes, sequences, kubernetes, faults, signal, log });
  const violated = violations({ figures, failures });
  console.log(table(figures));
  const document = {
    passed: violated.length === 0,
    figures,
    failures,
    seed,
    ...(sequences === undefined ? { minutes } : { sequences }),
    startedAt: startedAt.toISOString(),
    machine: { kernel: release(), cores: availableParallelism(), loadAtTheEnd: loadavg()[0] },
    details,
  };
  const directory = join(import.meta.dirname, 'results');
  await mkdir(directory, { recursive: true });
  const file = join(directory, `${name}-${seed}.json`);
  await writeFile(file, `${JSON.stringify(document, null, 2)}\n`);
  log(`written to ${file}`);
  for (const violation of violated) console.error(`not as it must be: ${violation}`);
  console.log(
    violated.length === 0 ? `${name} held` : `${name} did not hold: ${counted(violated.length, 'thing')}; seed ${seed}`,
  );
  return violated.length === 0 ? 0 : 1;
}

await runScript({
  command: 'npm run soak',
  usage,
  subjects: Object.keys(soaks),
  run,
  isFault: (error) => !(error instanceof ClusterError),
});
