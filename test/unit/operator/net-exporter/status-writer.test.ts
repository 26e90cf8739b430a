import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetExporter, NetExporterStatus } from '../../../../src/crd/net-exporter.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { StatusWriter } from '../../../../src/operator/net-exporter/status-writer.ts';
import { netExporter } from '../net-exporter-builder.ts';

const wanted: NetExporterStatus = { observedGeneration: 3 };

function at(resourceVersion: string, status?: NetExporterStatus, uid?: string): NetExporter {
  const resource = netExporter();
  return {
    ...resource,
    metadata: { ...resource.metadata, resourceVersion, ...(uid && { uid }) },
    ...(status && { status }),
  };
}

/** An API server that takes a patch only over the version that it holds. */
function setUp(live: NetExporter | undefined) {
  const patches: unknown[] = [];
  let held = live;
  const missing = new ApiError('NotFound', 'gone', { status: 404 });
  const client = {
    get: async () => {
      if (!held) throw missing;
      return held as never;
    },
    mergePatch: async (_resource: unknown, _place: unknown, patch: object) => {
      patches.push(patch);
      if (!held) throw missing;
      const { metadata, status } = patch as NetExporter;
      if (metadata.resourceVersion !== held.metadata.resourceVersion)
        throw new ApiError('Conflict', 'changed', { status: 409 });
      held = at(String(Number(metadata.resourceVersion) + 1), status);
      return held as never;
    },
  };
  return { writer: new StatusWriter(client), patches };
}

test('a status that is there already is not written', async () => {
  const { writer, patches } = setUp(at('10', wanted));
  assert.equal(await writer.write(at('10', { ...wanted }), () => ({ ...wanted })), undefined);
  assert.deepEqual(patches, []);
});

test('a change is written over the version it was computed from', async () => {
  const { writer, patches } = setUp(at('10'));
  assert.deepEqual(await writer.write(at('10'), () => wanted), { before: undefined, after: wanted });
  const { uid } = netExporter().metadata;
  assert.deepEqual(patches, [{ metadata: { uid, resourceVersion: '10' }, status: wanted }]);
});

test('after a conflict it is computed anew from what is there', async () => {
  const { writer, patches } = setUp(at('12', { observedGeneration: 2 }));
  const seen: unknown[] = [];
  const written = await writer.write(at('10'), (previous) => {
    seen.push(previous?.observedGeneration);
    return wanted;
  });
  assert.deepEqual(seen, [undefined, 2]);
  assert.deepEqual(written, { before: { observedGeneration: 2 }, after: wanted });
  assert.equal(patches.length, 2);
});

test('while the watch lags behind its own write there is no conflict', async () => {
  const { writer, patches } = setUp(at('10'));
  await writer.write(at('10'), () => wanted);
  await writer.write(at('10'), () => ({ observedGeneration: 4 }));
  assert.equal(patches.length, 2);
  assert.equal(await writer.write(at('10'), () => ({ observedGeneration: 4 })), undefined);
});

test('one that is gone, or another one of its name, is not written to', async () => {
  const gone = setUp(undefined);
  assert.equal(await gone.writer.write(at('10'), () => wanted), undefined);
  const other = setUp(at('99', undefined, 'another-uid'));
  assert.equal(await other.writer.write(at('10'), () => wanted), undefined);
  assert.equal(other.patches.length, 1);
});
