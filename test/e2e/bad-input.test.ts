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
