import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { jwtVerify } from 'jose';
import { AgentTokens, type TokenPod } from '../../../bench/agent-tokens.ts';

const pod: TokenPod = {
  namespace: 'monitoring',
  serviceAccount: { name: 'default-agent', uid: 'sa-uid' },
  pod: { name: 'default-agent-abcde', uid: 'pod-uid' },
  node: { name: 'node-1', uid: 'node-uid' },
};

test('a token is one of the API server, for the audience, the pod and a time', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tokens = new AgentTokens({ issuer: 'https://issuer', audience: 'net-exporter', key });
  const now = Date.parse('2026-01-01T00:00:00Z');
  const options = { issuer: 'https://issuer', audience: 'net-exporter', currentDate: new Date(now) };
  const { payload, protectedHeader } = await jwtVerify(tokens.issue(pod, now), publicKey, options);
  const { namespace, serviceAccount: serviceaccount, pod: bound, node } = pod;
  assert.deepEqual(payload['kubernetes.io'], { namespace, serviceaccount, pod: bound, node });
  assert.equal(payload.sub, 'system:serviceaccount:monitoring:default-agent');
  assert.equal(protectedHeader.alg, 'ES256');
  assert.match(protectedHeader.kid!, /^[\w-]{43}$/);
  await assert.rejects(jwtVerify(tokens.issue(pod, now - 7 * 3_600_000), publicKey, options), /exp/);
});
