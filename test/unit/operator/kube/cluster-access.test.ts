import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { clusterAccess } from '../../../../src/operator/kube/cluster-access.ts';
import { ownedDirectory } from '../../../cluster/owned-name.ts';

const folder = ownedDirectory('cluster-access');
after(() => rmSync(folder, { recursive: true }));

function kubeconfig(name: string, cluster: object, user: object, context = 'c'): string {
  const file = join(folder, name);
  const config = {
    'current-context': context,
    clusters: [{ name: 'k', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

test('a kubeconfig gives the server, its CA and the token', async () => {
  writeFileSync(join(folder, 'ca.crt'), 'a certificate');
  const access = clusterAccess(
    kubeconfig('good', { server: 'https://10.0.0.1:6443', 'certificate-authority': 'ca.crt' }, { token: 'secret' }),
  );
  assert.equal(access.server.href, 'https://10.0.0.1:6443/');
  const { headers, tls } = await access.credentials();
  assert.equal(headers.Authorization, 'Bearer secret');
  assert.equal(String(tls.ca), 'a certificate');
});

test('a certificate that changes on disk is read anew', async () => {
  writeFileSync(join(folder, 'renewed.crt'), 'old');
  const access = clusterAccess(
    kubeconfig('renewed', { server: 'https://10.0.0.1', 'certificate-authority': 'renewed.crt' }, { token: 't' }),
  );
  await access.credentials();
  writeFileSync(join(folder, 'renewed.crt'), 'new');
  assert.equal(String((await access.credentials()).tls.ca), 'new');
});

test('every kubeconfig that cannot be used says what to do', () => {
  const refused = (file: string, message: RegExp) =>
    assert.throws(() => clusterAccess(file), { code: 'ClusterAccess', message });
  refused(join(folder, 'nowhere'), /cannot read the kubeconfig .*: ENOENT/);
  writeFileSync(join(folder, 'empty'), ' \n');
  refused(join(folder, 'empty'), /is empty/);
  writeFileSync(join(folder, 'broken'), '{a: [');
  refused(join(folder, 'broken'), /cannot parse the kubeconfig/);
  refused(kubeconfig('no-context', { server: 'https://10.0.0.1' }, {}, 'other'), /has no cluster; set current-context/);
  refused(kubeconfig('no-url', { server: 'somewhere' }, {}), /"somewhere" is not a URL of an API server; write https:/);
  refused(
    kubeconfig('proxy', { server: 'https://10.0.0.1', 'proxy-url': 'http://p' }, {}),
    /proxy-url is not supported/,
  );
});

test('outside a cluster the flag is asked for', () => {
  assert.equal(process.env.KUBERNETES_SERVICE_HOST, undefined);
  assert.throws(() => clusterAccess(undefined), { message: /not running in a cluster: .*pass --kubeconfig FILE/ });
});
