import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolverService } from '../../../../src/operator/dns/resolver-service.ts';

const services = { group: '', version: 'v1', kind: 'Service', plural: 'services' };

/** Finds the cluster's DNS by its address, in a cluster where only 10.96.0.10 is a Service. */
async function found(nameservers: string[]) {
  const asked: (string | undefined)[] = [];
  const list = async (_: unknown, { fieldSelector }: { fieldSelector?: string | undefined }) => {
    asked.push(fieldSelector);
    const metadata = { name: 'dns-default', namespace: 'openshift-dns', uid: 's', resourceVersion: '1' };
    const items =
      fieldSelector === 'spec.clusterIP=10.96.0.10' ? [{ apiVersion: 'v1', kind: 'Service', metadata }] : [];
    return { metadata: { resourceVersion: '1' }, items };
  };
  return { service: await resolverService({ list }, services, nameservers, new AbortController().signal), asked };
}

test('the cluster’s DNS is the Service whose address the pod’s resolver has', async () => {
  const { service } = await found(['10.96.0.10']);
  assert.deepEqual(service, { namespace: 'openshift-dns', name: 'dns-default' });
});

test('a nameserver that is no Service is passed over, and where none is one, none is found', async () => {
  const both = await found(['169.254.20.10', '10.96.0.10']);
  assert.equal(both.service?.name, 'dns-default');
  assert.deepEqual(both.asked, ['spec.clusterIP=169.254.20.10', 'spec.clusterIP=10.96.0.10']);
  assert.deepEqual((await found(['192.0.2.1'])).service, undefined);
  assert.deepEqual(await found([]), { service: undefined, asked: [] });
});
