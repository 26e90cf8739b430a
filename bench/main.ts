import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { oneOf, parseCommandLine, runScript } from '../src/base/command-line.ts';
import { ClusterError } from '../test/cluster/cluster-error.ts';
import * as agent from './agent.ts';
import { BenchCluster } from './bench-cluster.ts';
import { type Figure, table } from './figures.ts';
import * as hostile from './hostile.ts';
import { Interruption } from './interruption.ts';
import * as judge from './judge.ts';
import * as operator from './operator.ts';
import type { Section, SectionResult } from './section.ts';
import * as sync from './sync.ts';

const usage = `Measures a part of this project on a real cluster on this machine (Linux, root), or in a simulation.

  npm run bench -- NAME [--quick] [--sections SECTION,…] [--cluster CLUSTER]

NAME is one of: agent, operator, sync, hostile, judge. The figures are printed and written to bench/results/NAME.json.
  --quick     shorter windows, for a first look
  --sections  these sections only; of agent: ${Object.keys(agent.sections).join(', ')};
              of operator: ${Object.keys(operator.sections).join(', ')};
              of sync: ${Object.keys(sync.sections).join(', ')};
              of hostile: ${Object.keys(hostile.sections).join(', ')};
              of judge, which is a simulation without a cluster: ${Object.keys(judge.sections).join(', ')}
  --cluster   a running local cluster to use, which is left running`;

interface Benchmark {
  nodes: number;
  prepare: (bench: BenchCluster) => Promise<() => Promise<void>>;
  sections: Readonly<Record<string, Section>>;
}

const benchmarks: Readonly<Record<string, Benchmark>> = { agent, operator, sync, hostile };
const names = [...Object.keys(benchmarks), 'judge'];
const log = (line: string) => console.log(`# ${line}`);

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, ['quick', 'sections', 'cluster'], 1);
  const name = oneOf('benchmark', names, positionals[0]);
  const benchmark = benchmarks[name];
  const sections = Object.keys(benchmark?.sections ?? judge.sections);
  const all = !benchmark && values.quick ? judge.quickSections : sections;
  const wanted = values.sections?.split(',').map((section) => oneOf('section', sections, section)) ?? all;
  const { signal } = new Interruption();
  const startedAt = new Date();
  const outcome = benchmark
    ? await BenchCluster.with(
        { existing: values.cluster, nodes: benchmark.nodes, prepare: benchmark.prepare, signal, log },
        (bench) => runSections(wanted, signal, (section) => benchmark.sections[section]!(bench, values.quick)),
      )
    : await runSections(wanted, signal, (section) => judge.sections[section]!({ quick: values.quick, signal, log }));
  const { figures, details, failures } = outcome;
  console.log(table(figures));
  const document = {
    figures,
    quick: values.quick,
    sections: wanted,
    startedAt: startedAt.toISOString(),
    machine: { kernel: release(), cores: availableParallelism(), loadAtTheEnd: loadavg()[0] },
    details,
  };
  const directory = join(import.meta.dirname, 'results');
  await mkdir(directory, { recursive: true });
  const file = join(directory, `${name}.json`);
  await writeFile(file, `${JSON.stringify(document, null, 2)}\n`);
  log(`written to ${file}`);
  for (const failure of failures) console.error(failure);
  return failures.length > 0 ? 1 : 0;
}

/** Runs sections one after the other. One that fails does not take the others' figures with it. */
async function runSections(
  wanted: readonly string[],
  signal: AbortSignal,
  run: (section: string) => Promise<SectionResult>,
): Promise<{ figures: Figure[]; details: Record<string, unknown>; failures: Error[] }> {
  const figures: Figure[] = [];
  const details: Record<string, unknown> = {};
  const failures: Error[] = [];
  for (const name of wanted) {
    log(`measuring: ${name}`);
    try {
      const result = await run(name);
      figures.push(...result.figures);
      details[name] = result.details;
      for (const line of table(result.figures).split('\n')) log(line);
    } catch (error) {
      if (signal.aborted) throw error;
      failures.push(new Error(`${name} could not be measured`, { cause: error }));
    }
  }
  return { figures, details, failures };
}

await runScript({
  command: 'npm run bench',
  usage,
  subjects: names,
  run,
  isFault: (error) => !(error instanceof ClusterError),
});
