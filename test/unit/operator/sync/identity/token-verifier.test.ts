import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceAccountKeys } from '../../../../../src/operator/sync/identity/service-account-keys.ts';
import { TokenVerifier } from '../../../../../src/operator/sync/identity/token-verifier.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { TokenIssuer, type TokenOptions } from './token-issuer.ts';

/** A verifier, the issuer whose keys it reads, and how often it has read them. */
async function setUp(algorithm?: string) {
  const clock = new FakeClock();
  const issuer = await TokenIssuer.create(algorithm);
  const state = { reads: 0, away: false };
  const read = async () => {
    state.reads++;
    if (state.away) throw new Error('the API server is away');
    return issuer.published();
  };
  const verifier = new TokenVerifier({ keys: new ServiceAccountKeys(read, clock), audience: 'net-exporter', clock });
  const sign = (options: TokenOptions = {}) => issuer.sign({ issuedAt: Math.floor(clock.wall() / 1000), ...options });
  return { clock, issuer, state, verifier, sign };
}

/** Resolves when everything that waits for nothing but promises has gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const refused = (what: RegExp) => ({ name: 'SyncRefusal', code: 'InvalidToken', message: what });

for (const algorithm of ['RS256', 'ES256', 'ES384'])
  test(`a projected token signed by ${algorithm} tells its pod`, async () => {
    const { verifier, sign } = await setUp(algorithm);
    assert.deepEqual(await verifier.verify(await sign()), {
      namespace: 'monitoring',
      serviceAccount: 'default-agent',
      pod: 'default-agent-x',
      podUid: 'uid-x',
      node: 'node-1',
    });
  });

test('a token for another audience, of another issuer, or without a node is refused', async () => {
  const { verifier, sign } = await setUp();
  const api = 'https://kubernetes.default.svc.cluster.local';
  await assert.rejects(verifier.verify(await sign({ audience: api })), refused(/aud/));
  await assert.rejects(verifier.verify(await sign({ issuer: 'https://other' })), refused(/iss/));
  await assert.rejects(verifier.verify(await sign({ node: null })), refused(/has no node/));
});

test('a token is refused once it has expired, also one that was good before', async () => {
  const { verifier, sign, clock } = await setUp();
  const token = await sign({ lifeSeconds: 600 });
  await verifier.verify(token);
  clock.advance(659_000);
  await verifier.verify(token);
  clock.advance(2000);
  await assert.rejects(verifier.verify(token), refused(/expired/));
});

test('a token from the future is refused, but for the little that clocks may differ', async () => {
  const { verifier, sign, clock } = await setUp();
  const seconds = Math.floor(clock.wall() / 1000);
  await verifier.verify(await sign({ issuedAt: seconds + 50 }));
  await assert.rejects(verifier.verify(await sign({ issuedAt: seconds + 70 })), refused(/nbf/));
});

test('a token whose content or signature was changed is refused, also after the true one was verified', async () => {
  const { verifier, sign } = await setUp();
  const [header, payload, signature] = (await sign()).split('.') as [string, string, string];
  await verifier.verify(`${header}.${payload}.${signature}`);
  const other = Buffer.from(payload, 'base64url').toString().replace('uid-x', 'uid-y');
  await assert.rejects(
    verifier.verify(`${header}.${Buffer.from(other).toString('base64url')}.${signature}`),
    refused(/not signed/),
  );
  const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
  await assert.rejects(verifier.verify(`${unsigned}.${payload}.`), refused(/./));
  const shared = Buffer.from('{"alg":"HS256","kid":"first"}').toString('base64url');
  await assert.rejects(verifier.verify(`${shared}.${payload}.${signature}`), refused(/./));
});

test('what is no token at all is refused, and the refusal does not quote it', async () => {
  const { verifier } = await setUp();
  for (const text of ['', 'secret', 'a.b.c', '....', 'x'.repeat(8000)])
    await assert.rejects(verifier.verify(text), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'InvalidToken');
      assert.ok(text === '' || text === 'a.b.c' || !error.message.includes(text));
      return true;
    });
});

test('thousands of requests with the same tokens read the keys once', async () => {
  const { verifier, sign, state, clock } = await setUp();
  const tokens = await Promise.all([1, 2, 3].map((n) => sign({ podUid: `uid-${n}` })));
  for (let round = 0; round < 100; round++) {
    clock.advance(1000);
    for (const token of tokens) await verifier.verify(token);
  }
  assert.equal(state.reads, 1);
});

test('a key that the API server got meanwhile is found, and unknown keys make it asked at most every 10 seconds', async () => {
  const { verifier, sign, issuer, state, clock } = await setUp();
  await verifier.verify(await sign());
  clock.advance(10_000);
  await issuer.addKey('second');
  await verifier.verify(await sign());
  assert.equal(state.reads, 2);
  const stranger = await TokenIssuer.create();
  await stranger.addKey('never heard of');
  const forged = await stranger.sign({ issuedAt: Math.floor(clock.wall() / 1000) });
  for (let attempt = 0; attempt < 100; attempt++) await assert.rejects(verifier.verify(forged), refused(/not signed/));
  assert.equal(state.reads, 2);
  clock.advance(10_000);
  await Promise.all(Array.from({ length: 100 }, () => assert.rejects(verifier.verify(forged))));
  assert.equal(state.reads, 3);
});

test('a key that is withdrawn verifies nothing any more after ten minutes, also no token that it verified before', async () => {
  const { verifier, sign, issuer, clock } = await setUp();
  const token = await sign();
  await verifier.verify(token);
  await issuer.addKey('second');
  issuer.withdraw();
  clock.advance(599_000);
  await verifier.verify(token);
  clock.advance(1000);
  // Nobody waits for the keys while others are known, so the first ones may still get through.
  const deadline = Date.now() + 5000;
  let refusal: unknown;
  while (!refusal && Date.now() < deadline) await verifier.verify(token).catch((error) => (refusal = error));
  assert.throws(
    () => {
      throw refusal;
    },
    refused(/not signed/),
  );
});

test('with the API server away the known keys go on; while none are known the reason is told', async () => {
  const { verifier, sign, state, clock } = await setUp();
  const token = await sign();
  state.away = true;
  await assert.rejects(verifier.verify(token), /is away/);
  await assert.rejects(verifier.verify(token), /is away/);
  assert.equal(state.reads, 1);
  state.away = false;
  clock.advance(1000);
  await verifier.verify(token);
  state.away = true;
  clock.advance(1_200_000);
  await verifier.verify(token);
  await verifier.verify(await sign({ podUid: 'uid-y' }));
});

test('what hinders everybody is told when it lasts, and is over when it is, though nobody calls', async () => {
  const clock = new FakeClock();
  const issuer = await TokenIssuer.create();
  let away = true;
  const read = async () => {
    if (away) throw new Error('the API server is away');
    return issuer.published();
  };
  const told: (string | undefined)[] = [];
  const keys: ServiceAccountKeys = new ServiceAccountKeys(read, clock, () => told.push(keys.obstacle));
  const learnt = keys.learn(new AbortController().signal);
  await settled();
  assert.deepEqual(told, [], 'the first failure may be the last');
  for (let attempt = 0; attempt < 3; attempt++) {
    clock.advance(5000);
    await settled();
  }
  away = false;
  clock.advance(5000);
  await learnt;
  // Those that are known go on.
  away = true;
  clock.advance(700_000);
  await keys.current();
  await keys.others(await keys.current());
  assert.deepEqual(told, ["cannot verify agents' tokens: the API server is away", undefined]);
});

test('learning ends when it is told to', async () => {
  const end = new AbortController();
  const keys = new ServiceAccountKeys(() => Promise.reject(new Error('the API server is away')), new FakeClock());
  const learnt = keys.learn(end.signal);
  await settled();
  end.abort();
  await learnt;
});

test('another issuer that the API server has taken on is accepted', async () => {
  const clock = new FakeClock();
  const before = await TokenIssuer.create('ES256', 'https://before');
  const after = await TokenIssuer.create('ES256', 'https://after');
  let issuer = before;
  const keys = new ServiceAccountKeys(() => issuer.published(), clock);
  const verifier = new TokenVerifier({ keys, audience: 'net-exporter', clock });
  const issuedAt = Math.floor(clock.wall() / 1000);
  await verifier.verify(await before.sign({ issuedAt }));
  issuer = after;
  clock.advance(10_000);
  await verifier.verify(await after.sign({ issuedAt }));
});

test('tokens of the issuer before are good for an hour more, as they are to the API server, if a published key signed them', async () => {
  const clock = new FakeClock();
  const issuer = await TokenIssuer.create('ES256', 'https://after');
  let present = 'https://before';
  const read = async () => ({ ...(await issuer.published()), issuer: present });
  const keys = new ServiceAccountKeys(read, clock);
  const verifier = new TokenVerifier({ keys, audience: 'net-exporter', clock });
  const sign = (from: string) => issuer.sign({ issuer: from, issuedAt: Math.floor(clock.wall() / 1000) });
  const old = await sign('https://before');
  await verifier.verify(old);
  present = 'https://after';
  clock.advance(10_000);
  // The first of the new ones makes the change known.
  await verifier.verify(await sign('https://after'));
  await verifier.verify(old);
  await verifier.verify(await sign('https://before'));
  clock.advance(3_590_000);
  await verifier.verify(await sign('https://before'));
  clock.advance(600_000);
  const late = await sign('https://before');
  const deadline = Date.now() + 5000;
  let refusal: unknown;
  // Nobody waits for the keys while others are known, so the first ones may still get through.
  while (!refusal && Date.now() < deadline) await verifier.verify(late).catch((error) => (refusal = error));
  assert.throws(
    () => {
      throw refusal;
    },
    refused(/invalid iss/),
  );
});
