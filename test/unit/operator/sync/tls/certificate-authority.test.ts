import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { createAuthority, issueServing } from '../../../../../src/operator/sync/tls/certificate-authority.ts';

const name = 'operator.example';
const day = 86_400_000;
const now = Date.now();
const authority = await createAuthority(now);
const serving = await issueServing(authority, name, now);

const server = createServer(
  { cert: serving.certificate, key: serving.key, minVersion: 'TLSv1.3' },
  (socket) => void socket.end('hello').on('error', () => {}),
);
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
after(() => server.close());

async function handshake(ca: string, servername = name): Promise<{ authorized: boolean; protocol: string | null }> {
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ca, servername });
  await once(socket, 'secureConnect');
  const seen = { authorized: socket.authorized, protocol: socket.getProtocol() };
  socket.destroy();
  return seen;
}

test('a client that trusts the authority accepts the server by its name, and no other', async () => {
  assert.deepEqual(await handshake(authority.certificate), { authorized: true, protocol: 'TLSv1.3' });
  await assert.rejects(handshake(authority.certificate, 'other.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

test('a client that trusts an old and a new authority accepts what either of them issued', async () => {
  const other = await createAuthority(now);
  await handshake(other.certificate + authority.certificate);
  await handshake(authority.certificate + other.certificate);
  await assert.rejects(handshake(other.certificate), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
});

test('the authority may issue certificates and serve none; the server’s may serve and issue none', () => {
  const [ca, leaf] = [authority, serving].map(({ certificate }) => new X509Certificate(certificate)) as [
    X509Certificate,
    X509Certificate,
  ];
  assert.equal(ca.ca, true);
  assert.equal(leaf.ca, false);
  assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(leaf.subjectAltName, `DNS:${name}`);
  assert.deepEqual(
    [ca, leaf].map(({ publicKey }) => publicKey.asymmetricKeyDetails?.namedCurve),
    ['prime256v1', 'prime256v1'],
  );
  assert.notEqual(ca.serialNumber, leaf.serialNumber);
});

test('a certificate begins an hour ago, for clocks that are behind, and ends with its authority’s', async () => {
  const leaf = new X509Certificate(serving.certificate);
  assert.equal(leaf.validFromDate.getTime(), Math.floor((now - 3_600_000) / 1000) * 1000);
  const late = new X509Certificate((await issueServing(authority, name, now + 3 * 365 * day - 20 * day)).certificate);
  assert.equal(late.validTo, new X509Certificate(authority.certificate).validTo);
});
