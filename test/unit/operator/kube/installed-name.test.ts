import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireInstalledName } from '../../../../src/operator/kube/installed-name.ts';

function token(sub: unknown): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ sub })}.c2lnbmF0dXJl`;
}

test('an installation with a namePrefix or nameSuffix of kustomize is refused, and the message says what to remove', () => {
  for (const account of ['staging-net-exporter-operator', 'net-exporter-operator-v2'])
    assert.throws(() => requireInstalledName(token(`system:serviceaccount:somewhere:${account}`)), {
      code: 'ClusterAccess',
      message: new RegExp(`ServiceAccount ${account}, .*remove namePrefix and nameSuffix`),
    });
});

test('the usual name in any namespace, a name of its own, and tokens that name no account are accepted', () => {
  for (const sub of ['system:serviceaccount:elsewhere:net-exporter-operator', 'system:serviceaccount:a:mine', 'x', 7])
    requireInstalledName(token(sub));
  for (const text of ['', 'opaque', 'a.b.c', 'a.bnVsbA.c']) requireInstalledName(text);
});
