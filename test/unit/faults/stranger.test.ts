import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentNames, instanceLabel } from '../../../src/contract/agent-names.ts';
import type { ClusterApi } from '../../faults/cluster-api.ts';
import { reporter, Stranger } from '../../faults/stranger.ts';

const sync = { host: '127.0.0.1', port: 1 };
const reports = { kind: 'reports', forMs: 1 } as const;

/** An API server that has these objects by plural. */
function apiWith(objects: Record<string, object[]> = {}): ClusterApi {
  const items = async (path: string) => objects[path.split('/').at(-1)!] ?? [];
  return { items, create: async () => ({}) } as unknown as ClusterApi;
}

test('reports that nobody can send or take are an error, not a silence', async () => {
  const pods = [{ metadata: { name: 'p', uid: 'u', labels: { [instanceLabel]: reporter } } }];
  const configmaps = [{ metadata: { name: agentNames(reporter).agent }, data: {} }];
  const stranger = (objects = {}) => new Stranger(apiWith(objects), 'n');
  await assert.rejects(stranger().commit(reports, { http: [], sync: undefined }), /no operator takes reports/);
  await assert.rejects(stranger().commit(reports, { http: [], sync }), /n has no agent yet/);
  await assert.rejects(stranger({ pods, configmaps }).commit(reports, { http: [], sync }), /have not been told where/);
  assert.equal(stranger().acceptedReports, 0);
});

test('only NetExporters count as work for the operator', async () => {
  const stranger = new Stranger(apiWith(), 'n');
  const nowhere = { http: [], sync: undefined };
  await stranger.commit({ kind: 'large-objects', count: 4 }, nowhere);
  assert.equal(stranger.netExporters, 0);
  await stranger.commit({ kind: 'services', count: 3 }, nowhere);
  await stranger.commit({ kind: 'account' }, nowhere);
  await stranger.commit({ kind: 'affinity', affinity: {} }, nowhere);
  assert.equal(stranger.netExporters, 5);
});
