import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { CertificateAuthority } from '../../cluster/certificates.ts';
import { TemporaryDirectory } from '../agent/temporary-directory.ts';
import { OperatorProcess } from './operator-process.ts';

const hasOpenssl = !spawnSync('openssl', ['version']).error;

/** Words that no log may hold: a token as service accounts have it, an opaque one, a password. */
const secrets = {
  token: ['eyJhbGciOiJSUzI1NiJ9', 'eyJzdWIiOiJvcGVyYXRvciJ9', 'c2lnbmF0dXJlLW9mLXRoZS10b2tlbg'],
  opaque: ['opaque-token-4711'],
  password: ['hunter2-password'],
};

function assertSilentAbout(output: string): void {
  for (const secret of Object.values(secrets).flat()) {
    assert.ok(!output.includes(secret), `${secret} is in:\n${output}`);
    assert.ok(!output.includes(Buffer.from(secret).toString('base64').replace(/=*$/, '').slice(0, -1)));
  }
}

function writeKubeconfig(file: string, server: string, user: object, authority?: string): void {
  const cluster = { server, ...(authority && { 'certificate-authority': authority }) };
  const config = {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  writeFileSync(file, JSON.stringify(config));
}

/** An API server that refuses everything, each time in another way, and quotes the request's credentials as it does. */
async function startTactlessServer(authority: CertificateAuthority): Promise<Server> {
  const { certificate, key } = await authority.issue('server', { commonName: 'server', hosts: ['127.0.0.1'] });
  let turn = 0;
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
    const said = `refused: authorization: ${request.headers.authorization}`;
    const status = (code: number, reason: string) =>
      response.writeHead(code).end(JSON.stringify({ kind: 'Status', reason, code, message: said }));
    switch (turn++ % 5) {
      case 0:
        return status(401, 'Unauthorized');
      case 1:
        return status(403, 'Forbidden');
      case 2:
        return response.writeHead(502).end(`<html>${said}</html>`);
      case 3:
        return response.writeHead(200).end(`not JSON, but ${said}`);
      default:
        return request.socket.destroy();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

test('no credential gets into the log, whatever goes wrong', {
  skip: !hasOpenssl && 'openssl is not installed',
}, async () => {
  using directory = new TemporaryDirectory();
  const authority = new CertificateAuthority(directory.file('pki'));
  await authority.create();
  const server = await startTactlessServer(authority);
  try {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const user of [
      { token: secrets.token.join('.') },
      { token: secrets.opaque[0]! },
      { username: 'u', password: secrets.password[0]! },
    ]) {
      const file = directory.file('kubeconfig');
      writeKubeconfig(file, url, user, authority.certificate);
      await using operator = new OperatorProcess(file);
      for (const code of ['Forbidden', 'Unavailable', 'Unexpected', '"status":502']) await operator.says(RegExp(code));
      await operator.says(/\[redacted\]/);
      assertSilentAbout(operator.output);
    }
    const file = directory.file('kubeconfig');
    writeKubeconfig(file, url, { token: secrets.token.join('.') });
    await using operator = new OperatorProcess(file);
    await operator.says(/certificate/);
    assertSilentAbout(operator.output);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

for (const [what, text] of [
  ['is broken', `users:\n- name: u\n  user:\n    token: ${secrets.opaque[0]}\n   broken\n`],
  [
    'has a password in its server',
    `clusters: [{name: c, cluster: {server: "https://u:${secrets.password[0]}@ bad"}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\ncurrent-context: c\nusers: [{name: u, user: {token: ${secrets.opaque[0]}}}]\n`,
  ],
] as const)
  test(`a kubeconfig that ${what} is reported without what is secret in it`, async () => {
    using directory = new TemporaryDirectory();
    const file = directory.file('kubeconfig');
    writeFileSync(file, text);
    await using operator = new OperatorProcess(file);
    assert.equal(await operator.exitCode(), 2);
    await operator.says(/kubeconfig/);
    assertSilentAbout(operator.output);
  });
