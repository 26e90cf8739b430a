import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ApiClient } from '../../../../src/operator/kube/api-client.ts';
import { type ApiError, isApiError } from '../../../../src/operator/kube/api-error.ts';
import { ApiTransport } from '../../../../src/operator/kube/api-transport.ts';
import type { Credentials } from '../../../../src/operator/kube/cluster-access.ts';
import { Connection } from '../../../../src/operator/kube/connection.ts';
import { connectionFault } from '../../../../src/operator/kube/connection-fault.ts';
import { CertificateAuthority } from '../../../cluster/certificates.ts';
import { ownedDirectory } from '../../../cluster/owned-name.ts';
import { FakeClock } from '../../fake-clock.ts';
import { quietRequests } from '../quiet-requests.ts';

const maps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const directory = ownedDirectory('tls');
const trusted = new CertificateAuthority(join(directory, 'trusted'));
const other = new CertificateAuthority(join(directory, 'other'));
const servers: Server[] = [];

before(async () => {
  await trusted.create();
  await other.create();
});

after(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true, force: true });
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** An API server that proves itself by a certificate of `authority` for `hosts`. */
async function apiServer(authority: CertificateAuthority, hosts: string[], options: object = {}): Promise<number> {
  const files = await authority.issue(`server-${servers.length}`, { commonName: 'api', hosts });
  const pair = { cert: readFileSync(files.certificate), key: readFileSync(files.key) };
  return listening(createServer({ ...pair, ...options }, (_request, response) => response.end('{}')));
}

/** What a request to `url` fails with. */
async function failureAt(url: string, tls: Credentials['tls'] = {}): Promise<ApiError> {
  const clock = new FakeClock();
  const credentials = async () => ({ headers: {}, tls: { ca: readFileSync(trusted.certificate), ...tls } });
  const connection = new Connection({ server: new URL(url), credentials }, clock);
  const transport = new ApiTransport({
    connection,
    clock,
    random: () => 0,
    userAgent: 'test',
    observe: quietRequests,
  });
  try {
    await new ApiClient(transport, 'us').get(maps, { namespace: 'n', name: 'a' });
  } catch (error) {
    assert.ok(isApiError(error), String(error));
    return error;
  } finally {
    await connection.close();
  }
  return assert.fail('the request succeeded');
}

test('a certificate of an authority that is not ours: which CA to write, and where', async () => {
  const port = await apiServer(other, ['127.0.0.1']);
  const { code, message } = await failureAt(`https://127.0.0.1:${port}`);
  assert.equal(code, 'Untrusted');
  assert.match(message, new RegExp(`127\\.0\\.0\\.1:${port}.*certificate-authority-data`));
});

test('a certificate for another name: to write that name', async () => {
  const port = await apiServer(trusted, ['kubernetes.example.com']);
  const { code, message } = await failureAt(`https://127.0.0.1:${port}`);
  assert.equal(code, 'Untrusted');
  assert.match(message, /kubernetes\.example\.com.*tls-server-name/s);
});

test('a server that refuses our client certificate in the handshake: which one to renew', () => {
  // What OpenSSL says of the alert; with TLS 1.3 the connection often just ends before it is read.
  const alert = Object.assign(new Error('tlsv1 alert unknown ca'), { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' });
  const { code, message } = connectionFault(alert, 'https://127.0.0.1:6443');
  assert.equal(code, 'Untrusted');
  assert.match(message, /client-certificate-data/);
});

test('a client certificate that is none: which one to correct', async () => {
  const port = await apiServer(trusted, ['127.0.0.1']);
  const { code, message } = await failureAt(`https://127.0.0.1:${port}`, { cert: 'no certificate', key: 'no key' });
  assert.equal(code, 'Untrusted');
  assert.match(message, /correct client-certificate-data and client-key-data/);
});

test('nothing listens there: to start it or to correct the address', async () => {
  const server = createNetServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  const { code, message } = await failureAt(`https://127.0.0.1:${port}`);
  assert.equal(code, 'Unavailable');
  assert.match(message, /nothing listens there.*correct server in the kubeconfig/);
});

test('a server that does not speak TLS: to correct the scheme or the port', async () => {
  const port = await listening(createHttpServer((_request, response) => response.end('{}')));
  const { code, message } = await failureAt(`https://127.0.0.1:${port}`);
  assert.equal(code, 'Unavailable');
  assert.match(message, /does not use TLS/);
});

test('a name that is none: to correct it', async () => {
  const { code, message } = await failureAt('https://api.invalid:6443');
  assert.equal(code, 'Unavailable');
  assert.match(message, /name does not resolve; correct server in the kubeconfig/);
});
