import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect as connectPlain, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { syncConnectionLimits } from '../../../../src/listeners/listener-limits.ts';
import { encodeSyncRequest, syncPath, syncServerName, syncVersion } from '../../../../src/protocol/sync.ts';
import { loopback, openConnections, RenewedConnections } from '../../listeners/held-connections.ts';
import { eventually, type RigOptions, SyncRig } from './sync-rig.ts';

const emptyRequest = encodeSyncRequest({ version: syncVersion, held: {} });

async function withRig(options: RigOptions, run: (rig: SyncRig) => Promise<void>): Promise<void> {
  const rig = await SyncRig.start(options);
  try {
    await run(rig);
  } finally {
    await rig.stop();
  }
}

const ended = (rig: SyncRig, reason: string) =>
  rig.metric(`net_exporter_operator_sync_connection_errors_total{reason="${reason}"}`);

/** Makes agents known, and has each call once from this address. @returns how many were answered */
async function callOnce(rig: SyncRig, count: number, from: string): Promise<number> {
  const statuses = await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const [pod, uid] = [`default-agent-${n}`, `uid-${n}`];
      rig.pods.set(`monitoring/${pod}`, { uid, owner: 'monitoring/default', node: 'node-1', isAgent: true });
      const token = await rig.token({ pod, podUid: uid });
      return rig.post(emptyRequest, { token, request: { localAddress: from } }).then(
        ({ status }) => status,
        (error: NodeJS.ErrnoException) => error.code,
      );
    }),
  );
  return statuses.filter((status) => status === 200).length;
}

for (const { whose, from, agents, connections, atLeast } of [
  { whose: 'another address', from: loopback(3), agents: 200, connections: 1500, atLeast: 200 },
  // As behind a masquerade: some may have to call again.
  { whose: 'the same address', from: loopback(2), agents: 50, connections: 500, atLeast: 35 },
])
  test(`${agents} agents of ${whose} get in while ${connections} plain connections are renewed`, {
    timeout: 120_000,
  }, async (t) => {
    await withRig({ holdMs: 10 }, async (rig) => {
      using flood = new RenewedConnections(rig.port, loopback(2), connections);
      await eventually(async () => (await ended(rig, 'idle')) > 500, 'the limit is reached');
      const before = flood.opened;
      const answered = await callOnce(rig, agents, from);
      t.diagnostic(`${answered} of ${agents} answered, while ${flood.opened - before} connections were renewed`);
      assert.ok(rig.server.unauthenticated <= syncConnectionLimits.total);
      assert.ok(answered >= atLeast, `${answered}`);
    });
  });

test('agents get in while twenty addresses hold handshakes that they do not complete', {
  timeout: 120_000,
}, async () => {
  await withRig({ holdMs: 10 }, async (rig) => {
    const hello = await clientHello(rig);
    const sockets: Socket[] = [];
    for (let host = 10; host < 30; host++)
      for (const socket of await openConnections(rig.port, loopback(host), 60)) {
        socket.write(hello);
        sockets.push(socket);
      }
    await eventually(() => rig.server.unauthenticated > 700, 'the shared part is taken');
    assert.equal(await callOnce(rig, 1, loopback(3)), 1, 'the reserve is there at once');
    // Those that have sent something keep their place for a while.
    await eventually(async () => (await callOnce(rig, 20, loopback(3))) === 20, 'several of one address get in');
    for (const socket of sockets) socket.destroy();
    await eventually(() => rig.server.unauthenticated === 0, 'all are forgotten');
  });
});

test('agents get in while handshakes and requests with bad tokens never stop', { timeout: 120_000 }, async () => {
  await withRig({ holdMs: 10 }, async (rig) => {
    let refused = 0;
    let isEnding = false;
    const knock = async (host: number) => {
      while (!isEnding)
        await rig.post(emptyRequest, { token: 'none', request: { localAddress: loopback(host) } }).then(
          ({ status }) => status === 401 && refused++,
          () => {},
        );
    };
    const flood = Array.from({ length: 40 }, (_, n) => knock(10 + (n % 4)));
    await eventually(() => refused > 40, 'the flood is there');
    const before = refused;
    assert.equal(await callOnce(rig, 20, loopback(3)), 20);
    assert.ok(refused > before, 'and it went on');
    isEnding = true;
    await Promise.all(flood);
  });
});

test('a client that has authenticated does not count: a thousand agents may share an address', {
  timeout: 120_000,
}, async () => {
  const unauthenticated = { ...syncConnectionLimits, perAddress: 2 };
  await withRig({ holdMs: 60_000, limits: { unauthenticated } }, async (rig) => {
    const held: Promise<unknown>[] = [];
    for (let n = 0; n < 20; n++) {
      const [pod, uid] = [`default-agent-${n}`, `uid-${n}`];
      rig.pods.set(`monitoring/${pod}`, { uid, owner: 'monitoring/default', node: 'node-1', isAgent: true });
      const token = await rig.token({ pod, podUid: uid });
      held.push(rig.post(emptyRequest, { token }).catch(() => {}));
      await eventually(() => rig.hub.held === n + 1, 'its request is held');
    }
    assert.deepEqual([rig.server.connections, rig.server.unauthenticated], [20, 0]);
    for (const reason of ['address', 'limit', 'idle']) assert.equal(await ended(rig, reason), 0, reason);
    rig.hub.close();
    await Promise.all(held);
  });
});

test('a handshake that gives way is counted once, and nothing of it is left', async () => {
  const unauthenticated = { total: 10, perAddress: 2, reserve: 2, yieldMs: 0 };
  await withRig({ limits: { unauthenticated } }, async (rig) => {
    const hello = await clientHello(rig);
    const sockets: Socket[] = [];
    for (let n = 0; n < 6; n++) {
      const [socket] = await openConnections(rig.port, loopback(2), 1, hello);
      // The server's part of the handshake has come: it waits for the client.
      await once(socket!, 'data');
      sockets.push(socket!);
    }
    await eventually(async () => (await ended(rig, 'idle')) === 4, 'four have given way');
    for (const socket of sockets) socket.destroy();
    await eventually(() => rig.server.unauthenticated === 0, 'all are forgotten');
    await eventually(async () => (await ended(rig, 'handshake')) >= 2, 'the others are counted');
    assert.deepEqual([await ended(rig, 'idle'), await ended(rig, 'handshake')], [4, 2]);
  });
});

test('a client that disconnects before or in the handshake is counted once', async () => {
  await withRig({}, async (rig) => {
    const hello = await clientHello(rig);
    const [silent] = await openConnections(rig.port, loopback(2), 1);
    await eventually(() => rig.server.unauthenticated === 1, 'it is held');
    silent!.end();
    await eventually(async () => (await ended(rig, 'handshake')) === 1, 'it is counted');
    const [begun] = await openConnections(rig.port, loopback(2), 1, hello);
    await once(begun!, 'data');
    begun!.resetAndDestroy();
    await eventually(async () => (await ended(rig, 'handshake')) === 2, 'it is counted, too');
    assert.equal(rig.server.unauthenticated, 0);
  });
});

test('first bytes that come in pieces make a handshake as well', async () => {
  await withRig({ holdMs: 10 }, async (rig) => {
    const plain = connectPlain(rig.port, '127.0.0.1');
    await once(plain, 'connect');
    const hello = await clientHello(rig);
    for (let at = 0; at < hello.length; at += 100) {
      plain.write(hello.subarray(at, at + 100));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [answer] = (await once(plain, 'data')) as [Buffer];
    // A handshake record (RFC 8446 §5.1).
    assert.equal(answer[0], 22);
    plain.destroy();
    const request = httpsRequest({
      ...{ host: '127.0.0.1', port: rig.port, ca: rig.authorities, servername: syncServerName, path: syncPath },
      agent: false,
    }).end();
    const [response] = await once(request, 'response');
    assert.equal(response.statusCode, 404);
    response.resume();
  });
});

/** The first message of a TLS client of this server. */
async function clientHello(rig: SyncRig): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ host: '127.0.0.1', port, ca: rig.authorities, servername: syncServerName });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}
