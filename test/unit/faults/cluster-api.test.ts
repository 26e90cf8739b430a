import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CertificateAuthority } from '../../cluster/certificates.ts';
import { writeKubeconfig } from '../../cluster/kubeconfig.ts';
import { ClusterApi, ClusterApiError, type WatchEvent } from '../../faults/cluster-api.ts';
import { TemporaryDirectory } from '../agent/temporary-directory.ts';

const directory = new TemporaryDirectory();
let api: ClusterApi;
let stop: () => void;
let asked: { method: string; url: string; body: string }[] = [];
/** What the API server of this test does next. */
let serve: (answer: ServerResponse) => void;

before(async () => {
  const issuer = new CertificateAuthority(directory.path);
  await issuer.create();
  const files = await issuer.issue('server', { commonName: 'server', hosts: ['127.0.0.1'] });
  const client = await issuer.issue('client', { commonName: 'admin' });
  const certificate = { cert: await readFile(files.certificate), key: await readFile(files.key) };
  const server = createServer(certificate, async (incoming, answer) => {
    const body = (await incoming.toArray()).join('');
    asked.push({ method: incoming.method!, url: incoming.url!, body });
    serve(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kubeconfig = join(directory.path, 'kubeconfig');
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeKubeconfig(kubeconfig, { cluster: 'c', server: origin, authority: issuer.certificate, client });
  api = await ClusterApi.of(kubeconfig);
  stop = () => {
    api.close();
    server.closeAllConnections();
    server.close();
    directory[Symbol.dispose]();
  };
});

after(() => stop());

const event = (type: WatchEvent['type'], name: string) => JSON.stringify({ type, object: { metadata: { name } } });

async function watched(signal = new AbortController().signal): Promise<string[]> {
  const seen: string[] = [];
  for await (const { type, object } of api.watch('/api/v1/pods?watch=1', signal))
    seen.push(`${type} ${object.metadata.name}`);
  return seen;
}

test('a watch yields its lines as they come, however they are cut, until it ends', async () => {
  serve = (answer) => {
    const text = `${event('ADDED', 'a')}\n${event('DELETED', 'é')}\n`;
    const bytes = Buffer.from(text);
    answer.write(bytes.subarray(0, 20));
    setImmediate(() => answer.end(bytes.subarray(20)));
  };
  assert.deepEqual(await watched(), ['ADDED a', 'DELETED é']);
  assert.equal(asked.at(-1)?.url, '/api/v1/pods?watch=1');
});

test('a watch that is refused, or that ends with an error, rejects', async () => {
  serve = (answer) => answer.writeHead(410).end('{}');
  await assert.rejects(watched(), (error: ClusterApiError) => error instanceof ClusterApiError && error.status === 410);
  serve = (answer) => answer.end(`${event('ERROR', 'expired')}\n`);
  await assert.rejects(watched(), ClusterApiError);
});

test('a watch ends when its signal is aborted', async () => {
  const end = new AbortController();
  serve = (answer) => {
    answer.write(`${event('ADDED', 'a')}\n`);
    setImmediate(() => end.abort());
  };
  await assert.rejects(watched(end.signal), { name: 'AbortError' });
});

test('a replacement is put, whole', async () => {
  serve = (answer) => answer.end('{}');
  asked = [];
  await api.replace('/api/v1/pods/a', { spec: {} });
  assert.deepEqual(asked, [{ method: 'PUT', url: '/api/v1/pods/a', body: '{"spec":{}}' }]);
});
