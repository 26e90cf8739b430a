import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../../../src/base/clock.ts';
import { ApiClient } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { ApiTransport } from '../../../../src/operator/kube/api-transport.ts';
import { GuardedConnection } from '../../../../src/operator/leader/guarded-connection.ts';
import { LeaderWriteGuard } from '../../../../src/operator/leader/leader-write-guard.ts';
import { CertificateAuthority } from '../../../cluster/certificates.ts';
import { TemporaryDirectory } from '../../agent/temporary-directory.ts';
import { until } from '../../fake-clock.ts';
import { quietRequests } from '../quiet-requests.ts';

const maps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const directory = new TemporaryDirectory();
const authority = new CertificateAuthority(directory.file('pki'));
await authority.create();
const issued = await authority.issue('server', { commonName: 'server', hosts: ['127.0.0.1'] });
const ends: (() => unknown)[] = [() => directory[Symbol.dispose]()];
after(() => Promise.all(ends.map((end) => end())));

const serving = { cert: readFileSync(issued.certificate), key: readFileSync(issued.key) };
/** Without the HTTP of Node, which keeps resets to itself. */
const servers = {
  http: () => createTcpServer(),
  // TLS 1.3 sends session tickets after the handshake: the reset could show in that write instead of in a read.
  https: () => createTlsServer({ ...serving, maxVersion: 'TLSv1.2' }),
};
const connectionOf = { http: 'connection', https: 'secureConnection' };

async function setUp(scheme: keyof typeof servers) {
  const server: Server = servers[scheme]();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const guard = new LeaderWriteGuard({ isLeading: true, writeTimeLeftMs: 14_000 }, systemClock);
  const access = {
    server: new URL(`${scheme}://127.0.0.1:${port}`),
    credentials: async () => ({
      headers: {},
      tls: scheme === 'https' ? { ca: readFileSync(authority.certificate) } : {},
    }),
  };
  const connection = new GuardedConnection(access, systemClock, guard);
  const observe = quietRequests;
  const transport = new ApiTransport({ connection, clock: systemClock, random: () => 0, userAgent: 'u', observe });
  ends.push(
    () => connection.close(),
    () => server.close(),
  );
  return { server, port, guard, client: new ApiClient(transport, 'us') };
}

for (const scheme of ['http', 'https'] as const)
  test(`a write over ${scheme} that is aborted resets its connection, so that nothing of it can arrive later`, async () => {
    const { server, guard, client } = await setUp(scheme);
    const error = Promise.withResolvers<NodeJS.ErrnoException>();
    const request = Promise.withResolvers<unknown>();
    server.on(connectionOf[scheme], (socket: Socket) => socket.on('error', error.resolve).on('data', request.resolve));
    const write = client.create(maps, 'n', {});
    await request.promise;
    guard.abort(new ApiError('NotLeader', 'lost'));
    await assert.rejects(write, { code: 'NotLeader' });
    assert.equal((await error.promise).code, 'ECONNRESET');
  });

test('a connection that is refused, and a certificate that is not trusted, are reported as ever', async () => {
  const { server, port, client } = await setUp('https');
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';
  server.on(connectionOf.https, (socket: Socket) =>
    socket.on('error', () => {}).on('data', () => socket.write(answer)),
  );
  assert.deepEqual(await client.create(maps, 'n', {}), {});
  const to = (address: string, tls: object) => {
    const guard = new LeaderWriteGuard({ isLeading: true, writeTimeLeftMs: 14_000 }, systemClock);
    const access = { server: new URL(address), credentials: async () => ({ headers: {}, tls }) };
    const connection = new GuardedConnection(access, systemClock, guard);
    ends.push(() => connection.close());
    const options = { connection, clock: systemClock, random: () => 0, userAgent: 'u', observe: quietRequests };
    return new ApiClient(new ApiTransport(options), 'us').create(maps, 'n', {});
  };
  await assert.rejects(to(`https://127.0.0.1:${port}`, {}), { code: 'Untrusted' });
  server.close();
  await until(() => !server.listening, 'nothing listens');
  await assert.rejects(to(`https://127.0.0.1:${port}`, { ca: readFileSync(authority.certificate) }), {
    code: 'Unavailable',
    message: /ECONNREFUSED.*nothing listens there/,
  });
});
