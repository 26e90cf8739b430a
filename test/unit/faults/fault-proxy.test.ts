import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { Random } from '../../../soak/random.ts';
import { CertificateAuthority } from '../../cluster/certificates.ts';
import type { Fault, Matching } from '../../faults/fault.ts';
import { FaultProxy } from '../../faults/fault-proxy.ts';
import { TemporaryDirectory } from '../agent/temporary-directory.ts';

const directory = new TemporaryDirectory();
const pods = '/api/v1/namespaces/n/pods';
let authority: Buffer;
let proxy: FaultProxy;
let stop: () => Promise<void>;
let reached: { method: string; url: string; authorization: string | undefined; body: string }[] = [];
/** What the API server of this test does next; it echoes unless told. */
let serve: (answer: ServerResponse) => void;
const echo = (answer: ServerResponse) => answer.end(JSON.stringify(reached.at(-1)));

before(async () => {
  const issuer = new CertificateAuthority(directory.path);
  await issuer.create();
  const files = await issuer.issue('server', { commonName: 'server', hosts: ['127.0.0.1'] });
  authority = await readFile(issuer.certificate);
  const certificate = { cert: await readFile(files.certificate), key: await readFile(files.key) };
  const server = createServer(certificate, async (incoming, answer) => {
    const body = (await incoming.toArray()).join('');
    const { authorization } = incoming.headers;
    reached.push({ method: incoming.method!, url: incoming.url!, authorization, body });
    serve(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy = new FaultProxy({ upstream: { origin, authority }, certificate, random: new Random(1) });
  await proxy.listen();
  serve = echo;
  stop = async () => {
    await proxy.close();
    server.closeAllConnections();
    server.close();
    directory[Symbol.dispose]();
  };
});

afterEach(async () => {
  serve = echo;
  reached = [];
  await proxy.heal();
});

after(() => stop());

/** A request of the process `a`, up to the head of its answer. */
async function ask(path: string, { method = 'GET', body = '', who = 'a' } = {}): Promise<IncomingMessage> {
  const headers = { authorization: 'Bearer token', 'user-agent': 'test/1' };
  const sent = request(`${proxy.url(who)}${path}`, { method, headers, agent: new Agent({ ca: authority }) });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += chunk;
  return text;
}

/** What had come when the answer broke off. */
async function untilBroken(answer: IncomingMessage): Promise<string> {
  let text = '';
  await assert.rejects(async () => {
    for await (const chunk of answer) text += chunk;
  }, /aborted|ECONNRESET/);
  return text;
}

function inflict(fault: Fault, matching: Matching = {}): void {
  proxy.inflict({ matching, fault, share: 1 });
}

test('a request passes with method, path, body and credentials, and is on record', async () => {
  const answer = await ask(`${pods}?limit=5`, { method: 'POST', body: '{}' });
  assert.deepEqual(JSON.parse(await textOf(answer)), {
    method: 'POST',
    url: `${pods}?limit=5`,
    authorization: 'Bearer token',
    body: '{}',
  });
  const [entry] = proxy.record.since(0);
  const { who, verb, resource, namespace, status, answered, userAgent, fault } = entry!;
  assert.deepEqual(
    { who, verb, resource, namespace, status, answered, userAgent, fault },
    {
      ...{ who: 'a', verb: 'create', resource: 'pods', namespace: 'n', status: 200, answered: true },
      ...{ userAgent: 'test/1', fault: undefined },
    },
  );
  assert.ok(entry!.endedAt! >= entry!.startedAt);
});

test('a status is answered by the proxy, with Retry-After, and only to whom it is meant for', async () => {
  inflict({ kind: 'status', status: 429, retryAfterSeconds: 2 }, { verbs: ['list'], who: 'b' });
  const refused = await ask(pods, { who: 'b' });
  assert.equal(refused.statusCode, 429);
  assert.equal(refused.headers['retry-after'], '2');
  assert.equal(JSON.parse(await textOf(refused)).reason, 'TooManyRequests');
  assert.equal(reached.length, 0);
  assert.equal((await ask(pods)).statusCode, 200);
  assert.equal((await ask(`${pods}/x`, { who: 'b' })).statusCode, 200);
});

test('a watch is cut within a line', async () => {
  serve = (answer) => answer.write('{"type":"ADDED","object":{}}\n{"type":"MODIFIED","object":{}}\n');
  inflict({ kind: 'cut', afterBytes: 40 });
  assert.equal(await untilBroken(await ask(`${pods}?watch=true`)), '{"type":"ADDED","object":{}}\n{"type":"MO');
});

test('an answer shorter than the cut is cut at its end, and one whose answer is lost was carried out', async () => {
  inflict({ kind: 'cut', afterBytes: 10_000 }, { verbs: ['list'] });
  inflict({ kind: 'lost-answer' }, { verbs: ['create'] });
  await untilBroken(await ask(pods));
  await assert.rejects(ask(pods, { method: 'POST', body: '{"a":1}' }), /socket hang up|ECONNRESET/);
  assert.equal(reached.at(-1)!.body, '{"a":1}');
});

test('a corrupt answer is not JSON, and a slow one is whole at last', async () => {
  inflict({ kind: 'corrupt' }, { verbs: ['list'] });
  inflict({ kind: 'trickle', bytes: 20, everyMs: 1 }, { verbs: ['get'] });
  const corrupt = await textOf(await ask(pods));
  assert.throws(() => JSON.parse(corrupt), SyntaxError);
  assert.equal(JSON.parse(await textOf(await ask(`${pods}/x`))).url, `${pods}/x`);
});

test('a request that is left in silence stays so until the faults end, and then breaks', async () => {
  inflict({ kind: 'silent' });
  const asked = ask(pods);
  const broken = assert.rejects(asked, /socket hang up|ECONNRESET/);
  while (proxy.record.since(0).at(-1)?.fault !== 'silent') await new Promise(setImmediate);
  assert.equal(reached.length, 0);
  await proxy.heal();
  await broken;
});

for (const how of ['cut', 'silent'] as const)
  test(`a watch that runs is interrupted: ${how}`, async () => {
    const running = Promise.withResolvers<ServerResponse>();
    serve = (answer) => {
      answer.write('{"type":"ADDED","object":{}}\n');
      running.resolve(answer);
    };
    const answer = await ask(`${pods}?watch=1`);
    await once(answer, 'readable');
    proxy.interrupt(how, { resource: 'secrets' });
    proxy.interrupt(how, { resource: 'pods' });
    (await running.promise).write('{"type":"DELETED","object":{}}\n');
    if (how === 'silent') await proxy.heal();
    assert.doesNotMatch(await untilBroken(answer), /DELETED/);
  });

test('a watch that runs is told that its version is gone, and ends', async () => {
  serve = (answer) => answer.write('{"type":"ADDED","object":{}}\n');
  const answer = await ask(`${pods}?watch=1`);
  await once(answer, 'readable');
  proxy.interrupt('expired');
  const last = JSON.parse((await textOf(answer)).trim().split('\n').at(-1)!);
  assert.deepEqual([last.type, last.object.code, last.object.reason], ['ERROR', 410, 'Expired']);
});

test('connections are refused, or accepted without a word, and work again afterwards at the same place', async () => {
  const { port } = new URL(proxy.url('a'));
  await proxy.setReachability('refusing');
  await assert.rejects(ask(pods), /ECONNREFUSED/);
  await proxy.setReachability('silent');
  const asked = assert.rejects(ask(pods), /socket hang up|ECONNRESET|disconnected before secure/);
  while (proxy.connections === 0) await new Promise(setImmediate);
  await proxy.setReachability('open');
  await asked;
  assert.equal(new URL(proxy.url('a')).port, port);
  assert.equal((await ask(pods)).statusCode, 200);
});

test('an API server that breaks off is passed on as a connection that breaks off', async () => {
  serve = (answer) => answer.destroy();
  await assert.rejects(ask(pods), /socket hang up|ECONNRESET/);
});

test('what the API server made of a Lease is on record, also where the answer was lost', async () => {
  const spec = { holderIdentity: 'a', leaseTransitions: 3 };
  serve = (answer) => answer.end(JSON.stringify({ spec }));
  inflict({ kind: 'lost-answer' }, { verbs: ['patch'] });
  const lease = '/apis/coordination.k8s.io/v1/namespaces/n/leases/l';
  const from = proxy.record.since(0).length;
  await textOf(await ask(lease, { method: 'PUT' }));
  await assert.rejects(ask(lease, { method: 'PATCH' }));
  assert.deepEqual(
    proxy.record
      .since(0)
      .slice(from)
      .map(({ lease, answered }) => ({ lease, answered })),
    [
      { lease: spec, answered: true },
      { lease: spec, answered: false },
    ],
  );
});
