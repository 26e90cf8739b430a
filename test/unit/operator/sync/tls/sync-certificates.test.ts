import assert from 'node:assert/strict';
import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createAuthority, issueServing } from '../../../../../src/operator/sync/tls/certificate-authority.ts';
import {
  dueOf,
  isUsable,
  renewed,
  type SyncCertificates,
  withdrawalMs,
} from '../../../../../src/operator/sync/tls/sync-certificates.ts';

const name = 'operator.example';
const day = 86_400_000;
const start = Date.parse('2026-01-01T00:00:00Z');
const first = await renewed(undefined, name, start);

/** An authority that someone made by other means. */
async function broughtAuthority(namedCurve: string, now: number): Promise<{ certificate: string; key: string }> {
  const { BasicConstraintsExtension, PemConverter, X509CertificateGenerator } = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve, hash: 'SHA-384' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=brought',
    notBefore: new Date(now),
    notAfter: new Date(now + 365 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate: `${certificate.toString('pem')}\n`, key: PemConverter.encode(key, 'PRIVATE KEY') };
}

test('where there is nothing, an authority and a certificate are made that agents accept', () => {
  assert.deepEqual(dueOf(undefined, name, start), { authority: true, serving: true });
  assert.deepEqual(dueOf(first, name, start), { authority: false, serving: false });
  assert.equal(isUsable(first, name, start), true);
  assert.equal(first.authorities.length, 1);
});

test('what is not due stays the very same', async () => {
  assert.equal(await renewed(first, name, start + 30 * day), first);
});

test('a certificate is renewed at two thirds of its life, by the same authority', async () => {
  assert.deepEqual(dueOf(first, name, start + 59 * day), { authority: false, serving: false });
  assert.deepEqual(dueOf(first, name, start + 61 * day), { authority: false, serving: true });
  const next = await renewed(first, name, start + 61 * day);
  assert.deepEqual(next.authorities, first.authorities);
  assert.notEqual(next.serving.certificate, first.serving.certificate);
  assert.equal(isUsable(next, name, start + 61 * day), true);
});

test('an agent that learns of new authorities weeks late accepts the server at every time in eleven years', async () => {
  let held = first;
  let authorities = 1;
  const history: { from: number; bundle: string[] }[] = [{ from: start, bundle: first.authorities }];
  for (let now = start; now < start + 11 * 365 * day; now += 20 * day) {
    const next = await renewed(held, name, now);
    if (next.authorities[0] !== held.authorities[0]) authorities++;
    held = next;
    history.push({ from: now, bundle: held.authorities });
    const known = history.findLast(({ from }) => from < now) ?? history[0]!;
    assert.equal(isUsable({ ...held, authorities: known.bundle }, name, now), true, new Date(now).toISOString());
    assert.ok(held.authorities.length <= 2);
  }
  assert.equal(authorities, 6);
});

test('an operator that was away until everything had expired begins anew', async () => {
  const now = start + 5 * 365 * day;
  const next = await renewed(first, name, now);
  assert.equal(next.authorities.length, 1);
  assert.notEqual(next.authorities[0], first.authorities[0]);
  assert.equal(isUsable(next, name, now), true);
});

test('with the authority’s key lost the server keeps its certificate, and the old authority stays trusted', async () => {
  const now = start + day;
  for (const authorityKey of ['', 'broken', first.serving.key]) {
    const next = await renewed({ ...first, authorityKey }, name, now);
    assert.equal(next.serving, first.serving);
    assert.equal(next.authorities.length, 2);
    assert.deepEqual(next.authorities[1], first.authorities[0]);
    assert.deepEqual(dueOf(next, name, now), { authority: false, serving: false });
  }
});

test('an authority whose key cannot issue by our algorithm is replaced, and stays trusted with what it has issued', async () => {
  const now = start + day;
  const brought = await broughtAuthority('P-384', now);
  const next = await renewed({ ...first, authorities: [brought.certificate], authorityKey: brought.key }, name, now);
  assert.equal(next.authorities.length, 2);
  assert.equal(isUsable(next, name, now), true);
  assert.deepEqual(dueOf(next, name, now), { authority: false, serving: false });
});

test('a key that someone brings in the encoding of OpenSSL issues as any other', async () => {
  const now = start + 60 * day;
  const authorityKey = createPrivateKey(first.authorityKey).export({ type: 'sec1', format: 'pem' }).toString();
  const next = await renewed({ ...first, authorityKey }, name, now);
  assert.deepEqual(next.authorities, first.authorities);
  assert.notEqual(next.serving.certificate, first.serving.certificate);
  assert.equal(isUsable(next, name, now), true);
});

test('a certificate that is broken, another name’s, or of a strange authority is issued anew by the known authority', async () => {
  const now = start + day;
  const stranger = await createAuthority(start);
  const broken: SyncCertificates['serving'][] = [
    { ...first.serving, certificate: 'broken' },
    { ...first.serving, certificate: first.serving.certificate.replace(/[A-Z]{4}/, 'AAAA') },
    { ...first.serving, key: '' },
    { ...first.serving, key: first.authorityKey },
    await issueServing({ certificate: first.authorities[0]!, key: first.authorityKey }, 'other.example', now),
    await issueServing(stranger, name, now),
  ];
  for (const serving of broken) {
    assert.equal(isUsable({ ...first, serving }, name, now), false);
    const next = await renewed({ ...first, serving }, name, now);
    assert.deepEqual(next.authorities, first.authorities);
    assert.equal(isUsable(next, name, now), true);
  }
});

test('what is no valid authority is dropped from those to trust', async () => {
  const now = start + day;
  const leaf = first.serving.certificate;
  const next = await renewed({ ...first, authorities: ['broken', first.authorities[0]!, leaf] }, name, now);
  assert.deepEqual(next.authorities, first.authorities);
  assert.equal(next.serving, first.serving);
});

test('certificates that begin in the future, of a clock that was ahead, are made anew', async () => {
  const next = await renewed(first, name, start - 30 * day);
  assert.equal(isUsable(next, name, start - 30 * day), true);
  assert.ok(new X509Certificate(next.serving.certificate).validFromDate.getTime() < start - 30 * day);
});

test('whoever loses the key again and again does not fill the bundle, and the server stays accepted', async () => {
  let held = first;
  for (let time = 1; time <= 8; time++) {
    held = await renewed({ ...held, authorityKey: '' }, name, start + time * 1000);
    assert.equal(held.serving, first.serving);
    assert.equal(isUsable(held, name, start + time * 1000), true);
  }
  assert.equal(held.authorities.length, 4);
});

test('an authority that is withdrawn serves until agents have the new one, and is not trusted after that', async () => {
  const asked = start + 10 * day;
  const rotated = await renewed(first, name, asked, asked);
  assert.equal(rotated.authorities.length, 2);
  assert.equal(rotated.authorities[1], first.authorities[0]);
  assert.notEqual(rotated.authorityKey, first.authorityKey);
  assert.equal(isUsable({ ...rotated, authorities: first.authorities }, name, asked), true, 'agents with the old one');
  const before = asked + withdrawalMs - 1000;
  assert.equal(await renewed(rotated, name, before, asked), rotated);
  const after = asked + withdrawalMs;
  const withdrawn = await renewed(rotated, name, after, asked);
  assert.deepEqual(withdrawn.authorities, [rotated.authorities[0]]);
  assert.equal(isUsable({ ...withdrawn, authorities: rotated.authorities }, name, after), true, 'agents with both');
  assert.equal(isUsable({ ...withdrawn, authorities: first.authorities }, name, after), false);
  assert.equal(await renewed(withdrawn, name, after + day, asked), withdrawn, 'it has been done');
});

test('a rotation that is asked for in the future begins then, and one that was asked for earlier has been done', async () => {
  const asked = start + 10 * day;
  assert.equal(await renewed(first, name, asked - 1000, asked), first);
  assert.notEqual((await renewed(first, name, asked, asked)).authorities[0], first.authorities[0]);
  assert.equal(await renewed(first, name, asked, start), first, 'it was made in the very second');
  assert.equal(await renewed(first, name, asked, start + 999), first, 'certificates count in seconds');
});

test('all authorities before the one time are withdrawn together, however many there are', async () => {
  const lost = await renewed({ ...first, authorityKey: '' }, name, start + day);
  assert.equal(lost.authorities.length, 2);
  const asked = start + 2 * day;
  const rotated = await renewed(lost, name, asked, asked);
  assert.equal(rotated.authorities.length, 3);
  const withdrawn = await renewed(rotated, name, asked + withdrawalMs, asked);
  assert.deepEqual(withdrawn.authorities, [rotated.authorities[0]]);
  assert.equal(isUsable(withdrawn, name, asked + withdrawalMs), true);
});

test('an authority that somebody brought counts from its own beginning', async () => {
  const brought = await broughtAuthority('P-256', start);
  const held = { ...first, authorities: [brought.certificate], authorityKey: brought.key };
  const own = await renewed(held, name, start + 1000, start);
  assert.equal(own.authorities[0]?.trim(), brought.certificate.trim());
  const next = await renewed(own, name, start + 60_000, start + 60_000);
  assert.equal(next.authorities.length, 2);
});
