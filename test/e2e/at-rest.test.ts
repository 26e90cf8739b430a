import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { waitFor } from '../cluster/wait.ts';
import { getJson } from './agents.ts';
import { operatorRequests, writesIn } from './audit-log.ts';
import {
  deadline,
  type Environment,
  environment,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

const namespace = 'e2e-at-rest';
/** How long nothing may be written where nothing changes. Milliseconds. */
const restMs = 60_000;
let env: Environment;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  await readyNetExporter(env, namespace, 'resting', {});
});

after(() => removeNamespace(env.kubectl, namespace));

test('where nothing changes the operator writes nothing for a minute but its Lease', async (t) => {
  tellOnFailure(t, env, namespace);
  const { auditLog } = env.cluster;
  // Half a minute after a new NetExporter, or a new leader, it is known whether the network is well.
  await waitFor(
    'a judgement of every NetExporter',
    async () => {
      const { items } = await getJson<{ items: NetExporter[] }>(env.kubectl, ['netexporters', '-A']);
      // Without an agent, nothing is judged.
      const judged = items.filter(({ status }) => (status?.agents?.ready ?? 0) > 0);
      const warming = judged.filter(({ status }) => status?.conditions?.some(({ reason }) => reason === 'Warming'));
      if (warming.length > 0) throw new Error(warming.map(({ metadata }) => metadata.name).join(', '));
      return true;
    },
    { timeout: deadline, interval: 1000 },
  );
  await waitFor(
    'five seconds without a write',
    async () => writesIn(await operatorRequests(auditLog, Date.now() - 5000, Date.now())).length === 0,
    { timeout: deadline, interval: 1000 },
  );
  const from = Date.now();
  await sleep(restMs);
  const requests = await operatorRequests(auditLog, from, from + restMs);
  assert.deepEqual(writesIn(requests), []);
  const renewals = requests.filter(({ verb, objectRef }) => verb === 'patch' && objectRef?.resource === 'leases');
  assert.ok(renewals.length > 0, 'the Lease is renewed: the audit log tells of the operator');
});
