import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operatorNamespace, syncServiceName } from '../../../src/contract/operator-names.ts';
import { syncServerName } from '../../../src/protocol/sync.ts';
import { type SyncAccess, syncAccessVersion } from '../../../src/protocol/sync-access.ts';
import type { ApiObject, ClusterApi } from '../../faults/cluster-api.ts';
import { accessFaults, divergence } from '../../faults/desired-state.ts';

const certificate = (text: string) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
const truth = { ca: certificate('new'), addresses: ['10.96.0.7:8443', '[fd00::7]:8443'] };
const access: SyncAccess = {
  version: syncAccessVersion,
  addresses: ['10.96.0.7:8443'],
  serverName: syncServerName,
  ca: truth.ca,
};

test('agents that are told how the operator is reached and verified are as they should be', () => {
  assert.deepEqual(accessFaults('one', access, truth), []);
});

test('another authority, name or address than the operator’s is a fault, though all NetExporters agree on it', () => {
  assert.deepEqual(accessFaults('one', undefined, truth), ['one has no way to the operator']);
  assert.deepEqual(accessFaults('one', { ...access, ca: certificate('old') }, truth), [
    "one trusts other certificates than the operator's",
  ]);
  assert.deepEqual(accessFaults('one', { ...access, serverName: 'x' }, truth), ['one expects the operator as x']);
  assert.deepEqual(accessFaults('one', { ...access, addresses: ['10.96.0.8:8443'] }, truth), [
    'one looks for the operator at 10.96.0.8:8443',
  ]);
});

test('what is true is read from the Secret and the Service, and only where agents sync', async () => {
  const asked: string[] = [];
  const api = {
    items: async () => [] as ApiObject[],
    get: async (path: string) => {
      asked.push(path);
      return {};
    },
  } as unknown as ClusterApi;
  assert.deepEqual(await divergence(api, 'n', { agentImage: 'i', sync: false }), []);
  assert.deepEqual(asked, []);
  await divergence(api, 'n', { agentImage: 'i', sync: true });
  const place = `/api/v1/namespaces/${operatorNamespace}`;
  assert.deepEqual(asked, [`${place}/secrets/${syncServiceName}`, `${place}/services/${syncServiceName}`]);
});
