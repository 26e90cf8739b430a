import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { request } from 'undici';
import { Connection } from '../../../../src/operator/kube/connection.ts';
import { CertificateAuthority } from '../../../cluster/certificates.ts';
import { TemporaryDirectory } from '../../agent/temporary-directory.ts';
import { FakeClock } from '../../fake-clock.ts';

/** A server that offers HTTP/2 and HTTP/1.1, as the API server does, and begins answers that never end. */
async function watchServer(authority: CertificateAuthority) {
  const { certificate, key } = await authority.issue('server', { commonName: 'api', hosts: ['127.0.0.1'] });
  const watches: { version: string; port: number | undefined; cut: () => void }[] = [];
  const answer = ({ httpVersion, stream, socket }: Http2ServerRequest, response: Http2ServerResponse) => {
    const carrier = stream?.session?.socket ?? socket;
    watches.push({ version: httpVersion, port: carrier.remotePort, cut: () => carrier.destroy() });
    response.writeHead(200);
    response.write('{}\n');
  };
  const server: Http2SecureServer = createSecureServer(
    { cert: readFileSync(certificate), key: readFileSync(key), allowHTTP1: true },
    answer,
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { watches, server, origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('each watch has a connection of its own, also at a server that offers HTTP/2: the end of one is the end of no other', async () => {
  using directory = new TemporaryDirectory();
  const authority = new CertificateAuthority(directory.file('pki'));
  await authority.create();
  const { watches, server, origin } = await watchServer(authority);
  const credentials = async () => ({ headers: {}, tls: { ca: readFileSync(authority.certificate) } });
  const connection = new Connection({ server: new URL(origin), credentials }, new FakeClock());
  try {
    const open = async () => {
      const { dispatcher } = await connection.use('watch');
      const { body } = await request(`${origin}/watch`, { dispatcher });
      const lines = body[Symbol.asyncIterator]();
      assert.equal(String((await lines.next()).value), '{}\n');
      return lines;
    };
    const first = await open();
    const second = await open();
    assert.deepEqual(
      watches.map(({ version }) => version),
      ['1.1', '1.1'],
    );
    assert.notEqual(watches[0]!.port, watches[1]!.port);
    let secondEnded = false;
    const ended = second.next().then(
      () => assert.fail('it was told something'),
      () => {
        secondEnded = true;
      },
    );
    watches[0]!.cut();
    await assert.rejects(first.next());
    await open();
    assert.equal(secondEnded, false);
    await connection.close();
    await ended;
  } finally {
    await connection.close();
    for (const { cut } of watches) cut();
    server.close();
  }
});
