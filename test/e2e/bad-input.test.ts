import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Agent, request } from 'undici';
import { customResourceDefinition } from '../../src/crd/custom-resource-definition.ts';
import { clusterAccess } from '../../src/operator/kube/cluster-access.ts';
import { waitFor } from '../cluster/wait.ts';
import { getNetExporter } from './agents.ts';
import { brokenResources, refusalBy } from './broken-resources.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  minorVersion,
  netExporter,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';
import { partialSpecs, withSchemaDefaults } from './partial-specs.ts';

const namespace = 'e2e-bad-input';
let env: Environment;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
});

after(() => removeNamespace(env.kubectl, namespace));

// Without kubectl, because a process for each of them would take a minute of CPU.
test('broken resources are refused by the API server with what to write instead', { concurrency: 8 }, async (t) => {
  assert.ok(brokenResources.length >= 25);
  const minor = await minorVersion(env.kubectl);
  const { server, credentials } = clusterAccess(env.cluster.kubeconfig);
  const { headers, tls } = await credentials();
  const dispatcher = new Agent({ connect: tls, connections: 8 });
  t.after(() => dispatcher.close());
  // As `kubectl create --dry-run=server` sends them.
  const path = `/apis/net-exporter.dev/v1alpha1/namespaces/${namespace}/netexporters?dryRun=All&fieldValidation=Strict`;
  await Promise.all(
    brokenResources.map((resource) =>
      t.test(resource.title, async () => {
        const { spec, metadata } = resource;
        const object = {
          apiVersion: 'net-exporter.dev/v1alpha1',
          kind: 'NetExporter',
          metadata: { namespace, name: 'broken', ...metadata },
          ...(spec !== undefined && { spec }),
        };
        const { statusCode, body } = await request(new URL(path, server), {
          ...{ dispatcher, method: 'POST', body: JSON.stringify(object) },
          headers: { ...headers, 'content-type': 'application/json' },
        });
        const answer = (await body.json()) as { message?: string };
        assert.ok(statusCode === 400 || statusCode === 422, `the API server returned status ${statusCode}`);
        // One line for each problem.
        const problems = answer.message?.replaceAll(/, (?=(?:spec|metadata)[.:])/g, '\n') ?? '';
        assert.match(problems, refusalBy(minor, resource));
      }),
    ),
  );
});

test('a spec exactly at the limits of what an agent probes is accepted', async () => {
  const hosts = (count: number) => Array.from({ length: count }, (_, index) => `h${index}.example.com`);
  const servers = (count: number) => Array.from({ length: count }, (_, index) => `10.0.0.${index + 1}`);
  const second = { interval: '1s', timeout: '1s' };
  const specs = [
    // 50 × (1 + 7 + 2) × 2 = 1,000 lookups, 100 a second.
    { dns: { hosts: hosts(50), servers: servers(7), interval: '10s' } },
    // 4 × 1 × 2 lookups, 99 × 10 echoes and 2 dials: 1,000 packets a second.
    {
      dns: { hosts: hosts(4), endpointsPerAgent: 0, ...second },
      network: { peersPerAgent: 99, protocols: ['UDP'], udp: { packets: 10 }, ...second },
    },
    // What is disabled does not count.
    { dns: { enabled: false, hosts: hosts(64), servers: servers(16), recordTypes: ['A', 'AAAA'], ...second } },
  ];
  const items = specs.map((spec, index) => netExporter(namespace, `limit-${index}`, spec));
  await env.kubectl(['create', '--dry-run=server', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
});

test('an object stored before the limits stays writable, but what exceeds them is not accepted again', async (t) => {
  const kind = 'OlderNetExporter';
  await applyDefinition(kind, withoutRules(customResourceDefinition()));
  t.after(() => env.kubectl(['delete', 'crd', `${kind.toLowerCase()}s.older.example.com`, '--wait=false']));
  const spec = {
    dns: {
      hosts: Array.from({ length: 64 }, (_, index) => `h${index}.example.com`),
      servers: Array.from({ length: 16 }, (_, index) => `10.0.0.${index + 1}`),
      recordTypes: ['A', 'AAAA'],
    },
    network: { peersPerAgent: 100, protocols: ['UDP'], udp: { packets: 10 }, interval: '1s', timeout: '1s' },
  };
  const object = { apiVersion: 'older.example.com/v1alpha1', kind, metadata: { namespace, name: 'stored' }, spec };
  await waitFor('the older definition', () => apply(env.kubectl, object).then(() => true), { timeout: deadline });
  await applyDefinition(kind, customResourceDefinition());
  const create = ['create', '--dry-run=server', '-f', '-'];
  const input = JSON.stringify({ ...object, metadata: { namespace, name: 'new' } });
  await waitFor('the rules', () => env.kubectl(create, { input }).then(() => false, isRefusal), { timeout: deadline });

  const patch = (change: object, ...args: string[]) =>
    env.kubectl([
      ...['patch', `${kind.toLowerCase()}s`, '-n', namespace, 'stored', '--type=merge', ...args],
      ...['-p', JSON.stringify(change)],
    ]);
  await patch({ status: { observedGeneration: 1 } }, '--subresource=status');
  await patch({ spec: { agent: { podLabels: { team: 'a' } } } });
  await assert.rejects(patch({ spec: { dns: { hosts: spec.dns.hosts.slice(1) } } }), /1000 lookups per agent/);
  await assert.rejects(patch({ spec: { network: { peersPerAgent: 99 } } }), /1000 packets per second/);
  await patch({ spec: { dns: { hosts: null }, network: { peersPerAgent: 10 } } });
});

/** Installs a definition under another name, so that what the cluster has of the real one is not touched. */
async function applyDefinition(kind: string, definition: object): Promise<void> {
  const { spec, ...rest } = definition as { spec: { group: string; names: object } };
  const names = { kind, listKind: `${kind}List`, singular: kind.toLowerCase(), plural: `${kind.toLowerCase()}s` };
  const group = 'older.example.com';
  const metadata = { name: `${names.plural}.${group}` };
  await apply(env.kubectl, { ...rest, metadata, spec: { ...spec, group, names } });
}

function withoutRules(definition: object): object {
  return JSON.parse(
    JSON.stringify(definition, (key, value) => (key === 'x-kubernetes-validations' ? undefined : value)),
  );
}

function isRefusal({ message }: Error): boolean {
  return message.includes('must not');
}

test('a field that does not exist is refused by name', async () => {
  await assert.rejects(
    env.kubectl(['create', '--dry-run=server', '-f', '-'], {
      input: JSON.stringify(netExporter(namespace, 'typo', { dns: { host: [] } })),
    }),
    /unknown field "spec\.dns\.host"/,
  );
});

test('the API server sets every default, whatever a spec leaves out or sets to null', async () => {
  // Fields within list items are left out: alone, some of them break a CEL rule.
  const fields = partialSpecs().filter(({ path }) => !path.includes('[]'));
  assert.ok(fields.some(({ path }) => path === 'dns.service.namespace'));
  const parts = fields.filter(({ path }) => !path.includes('.')).map(({ path }) => path);
  const specs: unknown[] = [
    ...[undefined, null, {}],
    ...parts.flatMap((part) => [{ [part]: {} }, { [part]: null }]),
    ...fields.map(({ spec }) => spec),
  ];
  const items = specs.map((spec, index) => netExporter(namespace, `partial-${index}`, spec as object));
  const stdout = await env.kubectl(['create', '--dry-run=server', '-o', 'jsonpath={.spec}{"\\n"}', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
  const stored = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  assert.equal(stored.length, specs.length);
  for (const [index, spec] of specs.entries())
    assert.deepEqual(stored[index], withSchemaDefaults(spec), JSON.stringify(spec));
});

test('kubectl explain marks only fields without a default as required', async () => {
  const stdout = await env.kubectl(['explain', 'netexporter.spec', '--recursive']);
  const fields = explainedFields(stdout);
  const documented = partialSpecs().map(({ path }) => path.replaceAll('[]', ''));
  assert.deepEqual(new Set(fields.map(({ path }) => path)), new Set(documented));
  assert.deepEqual(
    fields.filter(({ required }) => required).map(({ path }) => path),
    [
      'agent.imagePullSecrets.name',
      'monitoring.scrape.metricRelabelings.action',
      'monitoring.scrape.metricRelabelings.regex',
    ],
  );
});

/** The fields that `kubectl explain --recursive` lists, two spaces of indentation a level. */
function explainedFields(text: string): { path: string; required: boolean }[] {
  const parents: string[] = [];
  return [...text.matchAll(/^((?: {2})+)(\w+)\t<.*?>( -required-)?$/gm)].map(([, indentation, name, required]) => {
    parents.length = indentation!.length / 2 - 1;
    parents.push(name!);
    return { path: parents.join('.'), required: required !== undefined };
  });
}

test('an odd affinity that the schema accepts ends in a condition that names the field', async (t) => {
  tellOnFailure(t, env, namespace);
  const set = (nodeSelectorTerms: unknown) => {
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
    return apply(env.kubectl, netExporter(namespace, 'odd', { agent: { affinity: { nodeAffinity } } }));
  };
  const condition = (what: string, isWanted: (condition: { reason: string; message: string }) => boolean) =>
    waitFor(what, async () => (await getNetExporter(env.kubectl, namespace, 'odd')).status?.conditions.find(isWanted), {
      timeout: deadline,
    });
  const isRejected = ({ reason, message }: { reason: string; message: string }) =>
    /^Apply/.test(reason) && /DaemonSet odd-agent: .*matchExpressions/.test(message);
  await set([{ matchExpressions: 5 }]);
  await condition('the DaemonSet not to be created', isRejected);
  await set([null]);
  await condition('no node to match', ({ reason }) => reason === 'NoNodes');
  await set([{ matchExpressions: 5 }]);
  await condition('the DaemonSet not to be changed', isRejected);
  await env.kubectl(['delete', 'nx', '-n', namespace, 'odd']);
});

test('an image that cannot start is named in the condition, and its mending heals it', async (t) => {
  tellOnFailure(t, env, namespace);
  // Where nothing listens, so that the pull fails at once: a name that is none takes a minute to.
  const image = '127.0.0.1:1/no-such-agent:1';
  await apply(env.kubectl, netExporter(namespace, 'image', { agent: { image }, dns: quick, network: quick }));
  const stalled = await waitFor(
    'the image to be named',
    async () =>
      (await getNetExporter(env.kubectl, namespace, 'image')).status?.conditions.find(
        ({ type, status, message }) => type === 'Stalled' && status === 'True' && message.includes(image),
      ),
    { timeout: deadline },
  );
  assert.match(stalled.reason, /^AgentImagePull/);
  await env.kubectl(['patch', 'nx', '-n', namespace, 'image', '--type=merge', '-p', '{"spec":{"agent":{"image":""}}}']);
  await readyNetExporter(env, namespace, 'image', { agent: { image: '' }, dns: quick, network: quick });
});
