import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { getNetExporter } from './agents.ts';
import { brokenResources } from './broken-resources.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
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

test('broken resources are refused by the API server with what to write instead', async (t) => {
  assert.ok(brokenResources.length >= 25);
  for (const { title, spec, metadata, message } of brokenResources)
    await t.test(title, async () => {
      const object = {
        apiVersion: 'net-exporter.dev/v1alpha1',
        kind: 'NetExporter',
        metadata: { namespace, name: 'broken', ...metadata },
        ...(spec !== undefined && { spec }),
      };
      await assert.rejects(
        env.kubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(object) }),
        (error: Error) => {
          assert.match(error.message, message);
          return true;
        },
      );
    });
});

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
    ['agent.imagePullSecrets.name'],
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
