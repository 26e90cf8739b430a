import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { alertNames } from '../../src/contract/alerts.ts';
import { getJson } from './agents.ts';
import {
  type Environment,
  environment,
  operatorNamespace,
  removeNamespace,
  tellOnFailure,
  waitForAgents,
  waitForSync,
} from './environment.ts';
import { applySample } from './installation.ts';

const program = join(import.meta.dirname, '../demo/main.ts');
const demoNamespace = 'net-exporter-demo';
const deployment = ['-n', operatorNamespace, 'deployment/net-exporter-operator'];
const netExporter = ['-n', 'monitoring', 'netexporter/default'];

let env: Environment;
let recorded: Map<string, State>;

/** Of an object, everything but its status, and its version where the cluster itself changes nothing in it. */
type State = Record<string, unknown>;

interface Item {
  apiVersion: string;
  kind: string;
  metadata: {
    namespace?: string;
    name: string;
    uid: string;
    resourceVersion: string;
    labels?: Record<string, string>;
    deletionTimestamp?: string;
    [field: string]: unknown;
  };
  status?: unknown;
}

/** Renewed and reported all the time, by others than the demo; of a NetExporter its status, as it is judged. */
const restless = new Set(['Node', 'Lease', 'NetExporter']);

before(async () => {
  env = await environment();
  await env.kubectl(['delete', 'namespace', demoNamespace, '--ignore-not-found']);
  await applySample(env.kubectl);
  // As users do: another log level of the operator, and a NetExporter with an interval and a label of their own.
  await customize('debug', '15s', 'team=mine');
  recorded = await everyObject();
});

after(async () => {
  await removeNamespace(env.kubectl, demoNamespace);
  await customize('info', null, 'team-');
  // Later tests on this cluster begin with a sample that has measured nothing yet.
  await env.kubectl(['delete', ...netExporter]);
  await env.kubectl(['delete', 'namespace', 'monitoring']);
});

async function customize(logLevel: string, interval: string | null, label: string): Promise<void> {
  const { kubectl, cluster } = env;
  await kubectl(['set', 'env', ...deployment, `LOG_LEVEL=${logLevel}`]);
  await kubectl(['patch', ...netExporter, '--type=merge', '-p', JSON.stringify({ spec: { dns: { interval } } })]);
  await kubectl(['label', ...netExporter, '--overwrite', label]);
  await kubectl(['rollout', 'status', ...deployment, '--timeout=180s']);
  await waitForAgents(kubectl, 'monitoring', 'default', cluster.nodes.length);
  await waitForSync(kubectl, 'monitoring', 'default', cluster.nodes.length);
}

/** All objects of the cluster of every type, but Events and what is being deleted. */
async function everyObject(): Promise<Map<string, State>> {
  const types = (await env.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n');
  const kinds = types.filter((type) => !/^events(\.|$)/.test(type)).join();
  const { items } = await getJson<{ items: Item[] }>(env.kubectl, [kinds, '--all-namespaces']);
  const isEnding = ({ metadata }: Item) => metadata.deletionTimestamp !== undefined;
  const ending = new Set(items.filter(isEnding).map(({ metadata }) => metadata.name));
  return new Map(
    items
      .filter((item) => !isEnding(item) && !ending.has(item.metadata.namespace ?? ''))
      .map((item) => [identify(item), stateOf(item)]),
  );
}

function identify({ apiVersion, kind, metadata }: Item): string {
  return `${apiVersion} ${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

function stateOf({ status: _, metadata, ...rest }: Item): State {
  const { managedFields: __, resourceVersion, ...others } = metadata;
  if (rest.kind === 'Lease') return others;
  return { ...rest, metadata: others, ...(!restless.has(rest.kind) && { resourceVersion }) };
}

async function assertUnchanged(): Promise<void> {
  const now = await everyObject();
  const changed = [...recorded].filter(([id, state]) => JSON.stringify(state) !== JSON.stringify(now.get(id)));
  assert.deepEqual(Object.fromEntries(changed.map(([id]) => [id, now.get(id)])), Object.fromEntries(changed));
  const added = [...now.keys()].filter((id) => !recorded.has(id));
  assert.deepEqual(added, [], 'nothing is left');
}

/**
 * Runs the demo as a user does.
 * @param stopAt it is stopped half a second after it has printed this
 * @returns its exit code and what it printed
 */
async function runDemo(options: string[], stopAt?: string): Promise<{ code: number | null; output: string }> {
  const argv = [program, '--once', '--kubeconfig', env.cluster.kubeconfig, ...options];
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  let output = '';
  let isStopping = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (isStopping || stopAt === undefined || !output.includes(stopAt)) return;
      isStopping = true;
      setTimeout(() => child.kill('SIGTERM'), 500);
    });
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { code, output };
}

test('without --yes the demo says what it would add, and changes nothing', async (t) => {
  const { code, output } = await runDemo([]);
  t.diagnostic(output);
  assert.equal(code, 2, output);
  assert.match(output, /Namespace net-exporter-demo/);
  assert.match(output, /Used as it is: the installed operator/);
  assert.match(output, /Run it again with --yes to go on\./);
  await assertUnchanged();
});

test("with --yes the demo measures with agents of its own, and everything of the user's stays as it was", async (t) => {
  tellOnFailure(t, env, demoNamespace);
  const { code, output } = await runDemo(['--yes']);
  t.diagnostic(output);
  assert.equal(code, 0, output);
  for (const { name } of env.cluster.nodes)
    assert.match(
      output,
      new RegExp(`^demo-agent-\\S+ +${name}( +[\\d.]+ (µs|ms|s)){2} +\\d+( +[\\d.]+ (µs|ms|s)){2} +\\d+`, 'm'),
    );
  assert.match(
    output,
    new RegExp(`^Rules +http\\S+/alerts  # ${alertNames.length} alerts and \\d\\d+ recording rules,`, 'm'),
  );
  assert.match(output, /get --raw \/api\/v1\/namespaces\/net-exporter-demo\/pods\/demo-agent-\S+:8000\/proxy\/metrics/);
  await assertUnchanged();
});

test('a demo that is stopped while agents start leaves nothing', async (t) => {
  const { code, output } = await runDemo(['--yes'], 'creating the NetExporter');
  t.diagnostic(output);
  assert.equal(code, 130, output);
  await assertUnchanged();
});

test("a namespace of the demo's name that somebody else created is left alone", async (t) => {
  await env.kubectl(['create', 'namespace', demoNamespace]);
  const uid = () => env.kubectl(['get', 'namespace', demoNamespace, '-o', 'jsonpath={.metadata.uid}']);
  const created = await uid();
  const { code, output } = await runDemo(['--yes']);
  t.diagnostic(output);
  assert.equal(code, 1, output);
  assert.match(output, /The namespace net-exporter-demo exists, and the demo did not create it/);
  assert.equal(await uid(), created);
});
