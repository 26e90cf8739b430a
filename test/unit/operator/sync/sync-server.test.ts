import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { Agent } from 'node:https';
import { type AddressInfo, connect as connectPlain, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';
import { renewed } from '../../../../src/operator/sync/tls/sync-certificates.ts';
import type { Assignment } from '../../../../src/protocol/assignment.ts';
import { encodeSyncRequest, syncPath, syncServerName, syncVersion } from '../../../../src/protocol/sync.ts';
import { TokenIssuer } from './identity/token-issuer.ts';
import { eventually, type RigOptions, SyncRig } from './sync-rig.ts';

const emptyRequest = encodeSyncRequest({ version: syncVersion, held: {} });
const held = { settings: { uid: 'u', generation: 3, digest: '0123456789abcdef' } };

/** Runs a test with a server of its own. */
async function withRig(options: RigOptions, run: (rig: SyncRig) => Promise<void>): Promise<void> {
  const rig = await SyncRig.start(options);
  try {
    await run(rig);
  } finally {
    await rig.stop();
  }
}

/** Counts the connections that it makes. */
class CountingAgent extends Agent {
  connections = 0;
  override createConnection(...args: Parameters<Agent['createConnection']>) {
    this.connections++;
    return super.createConnection(...args);
  }
}

/** A log that can be read. */
function captured() {
  const lines: string[] = [];
  return { lines, log: operatorLogger('info', { write: (line: string) => void lines.push(line) }) };
}

/** Resolves with what came when the connection has ended. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (piece) => {
    text += piece;
  });
  socket.on('error', () => {});
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

test('an agent is answered, at once where something is new and after the hold where not', async () => {
  // No other time limit ends what is held.
  const limits = { requestMs: 100, idleMs: 100, handshakeMs: 2000 };
  await withRig({ holdMs: 600, limits }, async (rig) => {
    const seen: unknown[] = [];
    rig.answers = (agent, { settings }) => {
      seen.push([agent, settings]);
      return {};
    };
    const started = performance.now();
    assert.deepEqual(await rig.sync(held), { version: 1 });
    assert.ok(performance.now() - started >= 590);
    const agent = { resource: 'monitoring/default', podUid: 'uid-x', pod: 'default-agent-x', node: 'node-1' };
    assert.deepEqual(seen[0], [agent, held.settings]);
    const assignment: Assignment = { version: 1, uid: 'u', epoch: 1, revision: 1, zone: '', peers: [], dnsServers: [] };
    rig.answers = () => ({ assignment });
    assert.deepEqual(await rig.sync({}), { version: 1, assignment });
    assert.equal(await rig.metric('net_exporter_operator_sync_requests_total{result="changed"}'), 1);
    assert.equal(await rig.metric('net_exporter_operator_sync_requests_total{result="unchanged"}'), 1);
  });
});

test('one connection carries an agent’s requests, one after another', async () => {
  await withRig({ holdMs: 20 }, async (rig) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = 0; turn < 5; turn++) {
      const { status } = await rig.post(emptyRequest, { request: { agent } });
      assert.equal(status, 200);
      assert.equal(rig.server.connections, 1);
    }
    agent.destroy();
    await eventually(() => rig.server.connections === 0, 'the connection is forgotten');
  });
});

test('an agent that sends requests all the time is slowed down: 429 with Retry-After, and nothing is read', async () => {
  await withRig({ holdMs: 20 }, async (rig) => {
    const agent = new CountingAgent({ keepAlive: true, maxSockets: 1 });
    const targets = Array.from({ length: 300 }, (_, index) => ({
      ...{ probe: 'dns' as const, host: `${index}.`, server: '10.96.0.10:53', protocol: 'UDP', type: 'A' },
      ...{ node: '', zone: '', attempts: 200, failures: {}, retransmits: 0 },
      latencies: Array.from({ length: 200 }, (_, bucket): [number, number] => [bucket, 1]),
    }));
    const report = { stream: 's', sequence: 1, spanMs: 1, targets };
    const body = encodeSyncRequest({ version: syncVersion, held: {}, report, leaving: true });
    assert.ok(body.length > 200_000);
    const statuses: number[] = [];
    while (statuses.at(-1) !== 429 && statuses.length < 60) {
      const { status, headers } = await rig.post(body, { request: { agent } });
      statuses.push(status);
      if (status === 429) assert.deepEqual([headers['retry-after'], headers.connection], ['1', 'keep-alive']);
    }
    assert.equal(statuses.at(-1), 429);
    assert.ok(statuses.length > 10, `${statuses.length}`);
    assert.equal(rig.taken.length, statuses.length - 1);
    assert.equal(await rig.metric('net_exporter_operator_sync_requests_total{result="rate_limited"}'), 1);
    const { status } = await rig.post(body, { request: { agent } });
    assert.equal(status, 200);
    assert.equal(agent.connections, 1);
    agent.destroy();
  });
});

test('a new connection brings no new burst, and another agent is not slowed down', async () => {
  await withRig({ holdMs: 20 }, async (rig) => {
    const leaving = encodeSyncRequest({ version: syncVersion, held: {}, leaving: true });
    const answers = await Promise.all(Array.from({ length: 30 }, () => rig.post(leaving).catch(() => undefined)));
    assert.ok(rig.taken.length <= 30);
    let last = answers.at(-1)?.status;
    for (let attempt = 0; last !== 429 && attempt < 60; attempt++) last = (await rig.post(leaving)).status;
    assert.equal(last, 429);
    const other = { pod: 'default-agent-y', podUid: 'uid-y' };
    rig.pods.set('monitoring/default-agent-y', {
      uid: 'uid-y',
      owner: 'monitoring/default',
      node: 'node-1',
      isAgent: true,
    });
    assert.equal((await rig.post(leaving, { token: await rig.token(other) })).status, 200);
  });
});

for (const [who, token, status, code] of [
  ['without a token', async () => null, 401, 'no_token'],
  ['with what is no token', async () => 'opaque-secret', 401, 'invalid_token'],
  [
    'with a token for the API server',
    (rig) => rig.token({ audience: 'https://kubernetes.default.svc' }),
    401,
    'invalid_token',
  ],
  ['with a token that has expired', (rig) => rig.token({ issuedAt: 1_700_000_000 }), 401, 'invalid_token'],
  ['with a token of another cluster', async () => (await TokenIssuer.create()).sign(), 401, 'invalid_token'],
  ['with another service account’s token', (rig) => rig.token({ serviceAccount: 'default' }), 403, 'not_an_agent'],
  ['with the token of a pod that is gone', (rig) => rig.token({ pod: 'default-agent-y' }), 403, 'not_an_agent'],
  ['with the token of a pod that was replaced', (rig) => rig.token({ podUid: 'uid-before' }), 403, 'not_an_agent'],
] as [string, (rig: SyncRig) => Promise<string | null>, number, string][])
  test(`whoever calls ${who} is refused, counted, and told of once`, async () => {
    const { lines, log } = captured();
    await withRig({ log }, async (rig) => {
      const shown = await token(rig);
      for (let attempt = 0; attempt < 3; attempt++) {
        const answer = await rig.post(emptyRequest, { token: shown });
        assert.equal(answer.status, status);
        assert.equal(answer.headers.connection, 'close');
        assert.ok(answer.body.length > 10);
        assert.equal(answer.headers['www-authenticate']?.includes('Bearer'), status === 401 ? true : undefined);
      }
      assert.equal(await rig.metric(`net_exporter_operator_sync_requests_total{result="${code}"}`), 3);
      assert.equal(lines.length, 1);
      for (const secret of shown?.split('.') ?? []) assert.ok(!lines[0]!.includes(secret));
      assert.deepEqual(rig.taken, []);
      assert.deepEqual(await rig.sync(held), { version: 1 });
    });
  });

test('there is nothing but POST of the one path', async () => {
  await withRig({}, async (rig) => {
    for (const request of [{ path: '/' }, { path: '/metrics' }, { path: `${syncPath}/x` }, { method: 'PUT' }]) {
      const { status, body } = await rig.post(emptyRequest, { request });
      assert.equal(status, 404);
      assert.match(body, /POST \/v1\/sync/);
    }
  });
});

test('a request that is broken is refused with what is wrong in it', async () => {
  await withRig({}, async (rig) => {
    for (const [body, what] of [
      ['{', /JSON/],
      ['{"version":2,"held":{}}', /version must be 1/],
      ['{"version":1}', /held must be an object/],
      ['{"version":1,"held":{"assignment":{"uid":"u","epoch":-1,"revision":1}}}', /held\.assignment\.epoch/],
      [Buffer.from([0xff, 0x00, 0xc3]), /JSON/],
      ['', /JSON/],
    ] as [string | Buffer, RegExp][]) {
      const answer = await rig.post(body);
      assert.equal(answer.status, 400);
      assert.match(answer.body, what);
    }
    assert.equal(await rig.metric('net_exporter_operator_sync_requests_total{result="invalid"}'), 6);
  });
});

test('a body of a gigabyte is refused at its announcement', async () => {
  await withRig({}, async (rig) => {
    const socket = await rig.connect();
    const token = await rig.token();
    socket.write(
      `POST ${syncPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 1073741824\r\n\r\n`,
    );
    const piece = Buffer.alloc(65_536, 0x20);
    let sent = 0;
    const send = () => {
      while (sent < 1_073_741_824 && !socket.destroyed && socket.write(piece)) sent += piece.length;
    };
    socket.on('drain', send);
    send();
    await untilClosed(socket);
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`);
    assert.equal(await rig.metric('net_exporter_operator_sync_requests_total{result="too_large"}'), 1);
    assert.deepEqual(rig.taken, []);
  });
});

test('a body without an announced end is refused as soon as it is too long, also a stranger’s', async () => {
  await withRig({}, async (rig) => {
    for (const token of [await rig.token(), 'none']) {
      const socket = await rig.connect();
      socket.write(
        `POST ${syncPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      const piece = `4000\r\n${' '.repeat(16_384)}\r\n`;
      let sent = 0;
      const send = () => {
        while (!socket.destroyed && socket.write(piece)) sent += 16_384;
      };
      socket.on('drain', send);
      send();
      await untilClosed(socket);
      assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`);
    }
    await eventually(() => rig.server.connections === 0, 'the connections are forgotten');
    for (const result of ['too_large', 'invalid_token'])
      assert.equal(await rig.metric(`net_exporter_operator_sync_requests_total{result="${result}"}`), 1, result);
  });
});

test('what HTTP knows beside requests is refused and counted as they are: nothing is answered by Node itself', async () => {
  await withRig({}, async (rig) => {
    for (const headers of ['Expect: x\r\nHost: x', 'X-Host: none']) {
      const socket = await rig.connect();
      socket.write(`POST ${syncPath} HTTP/1.1\r\n${headers}\r\nContent-Length: 0\r\n\r\n`);
      assert.match(await untilClosed(socket), /^HTTP\/1\.1 401 /);
    }
    assert.equal(await rig.metric('net_exporter_operator_sync_requests_total{result="no_token"}'), 2);
    const socket = await rig.connect();
    socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n');
    assert.equal(await untilClosed(socket), '');
    assert.equal(await rig.metric('net_exporter_operator_sync_connection_errors_total{reason="malformed"}'), 1);
  });
});

test('headers without an end are refused', async () => {
  await withRig({}, async (rig) => {
    const socket = await rig.connect();
    socket.write(`POST ${syncPath} HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}`);
    await untilClosed(socket);
    assert.equal(await rig.metric('net_exporter_operator_sync_connection_errors_total{reason="malformed"}'), 1);
  });
});

test('slow-loris: whoever sends headers or a body bit by bit is cut off', { timeout: 60_000 }, async () => {
  const { lines, log } = captured();
  await withRig({ limits: { requestMs: 500 }, log }, async (rig) => {
    const head = `POST ${syncPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await rig.token()}\r\n`;
    const loris = async (start: string, bit: string) => {
      const socket = await rig.connect();
      socket.write(start);
      const timer = setInterval(() => socket.write(bit), 50);
      await untilClosed(socket).finally(() => clearInterval(timer));
    };
    await Promise.all([
      ...Array.from({ length: 5 }, () => loris('POST ', 'x')),
      ...Array.from({ length: 5 }, () => loris(head, 'X-More: x\r\n')),
      ...Array.from({ length: 5 }, () => loris(`${head}Content-Length: 100000\r\n\r\n`, ' ')),
      ...Array.from({ length: 5 }, () => loris('', '')),
    ]);
    // One agent has one connection: those that send a body with its token end each other.
    assert.ok((await rig.metric('net_exporter_operator_sync_connection_errors_total{reason="timeout"}')) >= 16);
    assert.equal(lines.length, 1);
    assert.deepEqual(await rig.sync(held), { version: 1 });
  });
});

test('plain HTTP, another protocol, TLS 1.2 and silence get no handshake', { timeout: 60_000 }, async () => {
  const { lines, log } = captured();
  await withRig({ limits: { handshakeMs: 500 }, log }, async (rig) => {
    const plain = httpRequest({ host: '127.0.0.1', port: rig.port, method: 'POST', path: syncPath });
    plain.end();
    await assert.rejects(once(plain, 'response'));
    const garbage = connectPlain(rig.port, '127.0.0.1');
    garbage.write('SSH-2.0-OpenSSH_9.9\r\n');
    const silent = connectPlain(rig.port, '127.0.0.1');
    await Promise.all([untilClosed(garbage), untilClosed(silent)]);
    const options = { host: '127.0.0.1', port: rig.port, ca: rig.authorities, servername: syncServerName };
    const old = connectTls({ ...options, maxVersion: 'TLSv1.2' });
    await assert.rejects(once(old, 'secureConnect'), { code: /PROTOCOL_VERSION/ });
    await eventually(
      async () => (await rig.metric('net_exporter_operator_sync_connection_errors_total{reason="handshake"}')) === 4,
      'all four are counted',
    );
    assert.equal(lines.length, 1);
    assert.deepEqual(await rig.sync(held), { version: 1 });
  });
});

test('with 10,000 idle connections an agent that is there goes on, and another one gets in', {
  timeout: 120_000,
}, async () => {
  const { lines, log } = captured();
  const unauthenticated = { total: 500, perAddress: 400, reserve: 50, yieldMs: 2000 };
  const limits = { unauthenticated, handshakeMs: 2000, idleMs: 60_000 };
  await withRig({ limits, holdMs: 10, log }, async (rig) => {
    rig.pods.set('monitoring/default-agent-y', {
      uid: 'uid-y',
      owner: 'monitoring/default',
      node: 'node-1',
      isAgent: true,
    });
    const agent = new CountingAgent({ keepAlive: true, maxSockets: 1 });
    const token = await rig.token();
    const exchange = async () =>
      assert.equal((await rig.post(emptyRequest, { token, request: { agent } })).status, 200);
    await exchange();
    const idle: Socket[] = [];
    // Fewer exchanges than an agent may have at once.
    const batches = 8;
    for (let opened = 0; opened < batches; opened++) {
      const batch = Array.from({ length: 10_000 / batches }, () =>
        connectPlain(rig.port, '127.0.0.1').on('error', () => {}),
      );
      idle.push(...batch);
      await Promise.all(batch.map((socket) => once(socket, 'connect').catch(() => {})));
      await exchange();
    }
    const ended = (reason: string) =>
      rig.metric(`net_exporter_operator_sync_connection_errors_total{reason="${reason}"}`);
    // On a busy machine, the server has not accepted all of them yet.
    await eventually(async () => (await ended('idle')) + (await ended('handshake')) >= 9000, 'they have been closed');
    assert.ok((await ended('idle')) > 0);
    assert.equal(lines.filter((line) => line.includes('"idle"')).length, 1);
    assert.ok(rig.server.unauthenticated <= unauthenticated.perAddress);
    const newcomer = await rig.token({ pod: 'default-agent-y', podUid: 'uid-y' });
    await eventually(
      () =>
        rig.post(emptyRequest, { token: newcomer }).then(
          ({ status }) => status === 200,
          () => false,
        ),
      'a new agent gets in',
    );
    await exchange();
    assert.equal(agent.connections, 1);
    await eventually(
      async () => (await rig.metric('net_exporter_operator_sync_connections')) <= 1 && rig.server.unauthenticated === 0,
      'of strangers nothing is left',
    );
    for (const socket of idle) socket.destroy();
    agent.destroy();
  });
});

test('an agent that connects anew gives up its old connection and the request on it', async () => {
  await withRig({ holdMs: 30_000 }, async (rig) => {
    const first = assert.rejects(rig.sync(held));
    await eventually(() => rig.hub.held === 1, 'the first request is held');
    const second = rig.sync(held).catch((error: Error) => error);
    await first;
    await eventually(() => rig.hub.held === 1 && rig.server.connections === 1, 'the second one is held');
    rig.hub.close();
    assert.match(String(await second), /503/);
  });
});

test('a connection stays its agent’s', async () => {
  await withRig({ holdMs: 20 }, async (rig) => {
    rig.pods.set('monitoring/default-agent-y', {
      uid: 'uid-y',
      owner: 'monitoring/default',
      node: 'node-1',
      isAgent: true,
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    assert.equal((await rig.post(emptyRequest, { request: { agent } })).status, 200);
    const other = await rig.token({ pod: 'default-agent-y', podUid: 'uid-y' });
    const { status, body } = await rig.post(emptyRequest, { token: other, request: { agent } });
    assert.deepEqual([status, body], [403, 'the connection belongs to another agent\n']);
    agent.destroy();
  });
});

test('several requests at once on one connection end it', async () => {
  await withRig({ holdMs: 60_000 }, async (rig) => {
    const socket = await rig.connect();
    const head = `POST ${syncPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await rig.token()}\r\n`;
    const request = `${head}Content-Length: ${emptyRequest.length}\r\n\r\n${emptyRequest}`;
    socket.write(request);
    await eventually(() => rig.hub.held === 1, 'the first is held');
    socket.write(request.repeat(20));
    assert.equal(await untilClosed(socket), '');
    await eventually(() => rig.hub.held === 0, 'it is forgotten');
    assert.equal(await rig.metric('net_exporter_operator_sync_connection_errors_total{reason="malformed"}'), 1);
  });
});

test('of many requests in one piece, the first and the one that ends the connection are parsed', async () => {
  await withRig({ holdMs: 60_000 }, async (rig) => {
    let parsed = 0;
    const count = () => void parsed++;
    subscribe('http.server.request.start', count);
    try {
      const socket = await rig.connect();
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500));
      await untilClosed(socket);
      assert.equal(parsed, 2);
    } finally {
      unsubscribe('http.server.request.start', count);
    }
  });
});

test('what an agent that is cut off had asked is forgotten', async () => {
  await withRig({ holdMs: 60_000 }, async (rig) => {
    const socket = await rig.connect();
    const head = `POST ${syncPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await rig.token()}\r\n`;
    socket.write(`${head}Content-Length: ${emptyRequest.length}\r\n\r\n${emptyRequest}`);
    await eventually(() => rig.hub.held === 1, 'it is held');
    socket.destroy();
    await eventually(() => rig.hub.held === 0 && rig.server.connections === 0, 'it is forgotten');
  });
});

test('an answer that nobody takes does not stay', { timeout: 60_000 }, async () => {
  await withRig({ limits: { stalledMs: 500, idleMs: 500 }, holdMs: 100 }, async (rig) => {
    const peers = Array.from({ length: 110 }, () => ({ address: '10.0.0.1:8000', node: 'n'.repeat(15_000), zone: '' }));
    rig.answers = () => ({
      assignment: { version: 1, uid: 'u', epoch: 1, revision: 1, zone: '', peers, dnsServers: [] },
    });
    const socket = await rig.connect();
    socket.pause();
    const head = `POST ${syncPath} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await rig.token()}\r\n`;
    socket.write(`${head}Content-Length: ${emptyRequest.length}\r\n\r\n${emptyRequest}`);
    await eventually(() => rig.taken.length === 1, 'it has asked');
    await eventually(() => rig.server.connections === 0, 'the connection is ended');
    socket.destroy();
  });
});

test('where nobody leads, agents are sent on', async () => {
  await withRig({}, async (rig) => {
    rig.isLeading = false;
    const { status, headers, body } = await rig.post(emptyRequest);
    assert.deepEqual([status, headers['retry-after'], headers.connection], [503, '1', 'close']);
    assert.match(body, /is not the leader/);
    rig.isLeading = true;
    assert.deepEqual(await rig.sync(held), { version: 1 });
  });
});

test('a server that stops sends on those who wait and ends every connection', { timeout: 60_000 }, async () => {
  const rig = await SyncRig.start({ holdMs: 60_000 });
  rig.pods.set('monitoring/default-agent-y', {
    uid: 'uid-y',
    owner: 'monitoring/default',
    node: 'node-1',
    isAgent: true,
  });
  const waiting = rig.post(emptyRequest);
  const socket = await rig.connect();
  const silent = connectPlain(rig.port, '127.0.0.1').on('error', () => {});
  await once(silent, 'connect');
  await eventually(() => rig.hub.held === 1, 'a request is held');
  const started = performance.now();
  await rig.stop();
  assert.ok(performance.now() - started < 4000);
  assert.equal((await waiting).status, 503);
  await untilClosed(socket);
  silent.destroy();
  await assert.rejects(rig.post(emptyRequest), { code: 'ECONNREFUSED' });
});

test('a renewed certificate is served from the next handshake on, and no request is dropped', {
  timeout: 60_000,
}, async () => {
  await withRig({ holdMs: 400 }, async (rig) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const old = rig.post(emptyRequest, { request: { agent } });
    await eventually(() => rig.hub.held === 1, 'a request is held');
    // The authority is lost and everything with it: both are new.
    const anew = await renewed(undefined, syncServerName, Date.now());
    rig.server.useCertificate(anew.serving);
    assert.equal((await old).status, 200);
    assert.equal((await rig.post(emptyRequest, { request: { agent } })).status, 200);
    agent.destroy();
    await assert.rejects(rig.post(emptyRequest), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    rig.certificates = { ...anew, authorities: [...anew.authorities, ...rig.certificates.authorities] };
    assert.equal((await rig.post(emptyRequest)).status, 200);
    const socket = await rig.connect();
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    socket.destroy();
  });
});

test('a port that is taken is refused, however often, and listened on once it is free', async () => {
  await withRig({}, async (rig) => {
    await rig.server.close();
    const owner = createServer();
    owner.listen(0);
    await once(owner, 'listening');
    const { port } = owner.address() as AddressInfo;
    for (let attempt = 0; attempt < 5; attempt++)
      await assert.rejects(rig.server.listen(port), { code: 'EADDRINUSE', port });
    await new Promise((resolve) => owner.close(resolve));
    rig.port = await rig.server.listen(port);
    assert.equal(rig.port, port);
    assert.equal((await rig.post(emptyRequest)).status, 200);
  });
});
