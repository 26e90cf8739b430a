import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { test } from 'node:test';
import { CertificateAuthority } from '../../cluster/certificates.ts';
import { waitFor } from '../../cluster/wait.ts';
import { TemporaryDirectory } from '../agent/temporary-directory.ts';
import { failingOnSignal, unhandled } from '../failing-on-signal.ts';
import { OperatorProcess } from './operator-process.ts';

/** How many requests each of its caches may have tried in vain before a process counts as one that waits. */
const attempts = 20;

function kubeconfig(server: string, authority?: string): string {
  const cluster = { server, ...(authority && { 'certificate-authority': authority }) };
  return JSON.stringify({
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token: 'a-token' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  });
}

/** A server on loopback that counts who comes, whether or not they trust it. */
async function apiServer(authority: CertificateAuthority, port = 0) {
  const { certificate, key } = await authority.issue('server', { commonName: 'server', hosts: ['127.0.0.1'] });
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (_request, response) => {
    const message = 'nobody may do anything';
    response.writeHead(403).end(JSON.stringify({ kind: 'Status', reason: 'Forbidden', code: 403, message }));
  });
  let connections = 0;
  server.on('connection', () => connections++);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until the process says on /readyz that it is not ready, and why. */
async function unreadyBecause(operator: OperatorProcess, why: RegExp): Promise<void> {
  await operator.says(/"port":\d+/);
  const [, port] = /"port":(\d+)/.exec(operator.output)!;
  await waitFor(
    `/readyz to say ${why}`,
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
      const said = await answer.text();
      if (!why.test(said)) throw new Error(said);
      assert.equal(answer.status, 503);
      return true;
    },
    { timeout: 120_000 },
  );
}

/** What is said at each level above information: once for each cache and reason, however often it is tried. */
function complaints({ output }: OperatorProcess): number {
  return output.split('\n').filter((line) => /"level":"(warn|error|fatal)"/.test(line)).length;
}

// Each of the other ways in which one can be wrong: test/unit/operator/kube/cluster-access.test.ts.
for (const [what, text, message] of [
  ['is missing', undefined, /cannot read the kubeconfig \S+: ENOENT/],
  ['is another file', 'apiVersion: v1\nkind: Pod\n', /has no cluster; set current-context/],
  [
    'names a server of another protocol',
    kubeconfig('ftp://10.0.0.1'),
    /"ftp:\/\/10\.0\.0\.1" is not a URL .* write https:/,
  ],
] as const)
  test(`a kubeconfig that ${what} ends the operator with code 2 and a message that says so`, async () => {
    using directory = new TemporaryDirectory();
    const file = directory.file('kubeconfig');
    if (text !== undefined) writeFileSync(file, text);
    await using operator = new OperatorProcess(file);
    assert.equal(await operator.exitCode(), 2);
    await operator.says(message);
    assert.match(operator.output, /^net-exporter-operator: [^\n]*\n$/, 'one line, and no stack');
  });

test('an API server that proves itself by an unknown certificate is waited for: not ready, and what to write', async () => {
  using directory = new TemporaryDirectory();
  const [unknown, ours] = [directory.file('unknown'), directory.file('ours')].map((at) => new CertificateAuthority(at));
  await Promise.all([unknown!.create(), ours!.create()]);
  using server = await apiServer(unknown!);
  const file = directory.file('kubeconfig');
  writeFileSync(file, kubeconfig(`https://127.0.0.1:${server.port}`, ours!.certificate));
  await using operator = new OperatorProcess(file);
  await unreadyBecause(operator, /put the cluster's CA into certificate-authority-data/);
  const manyAttempts = () => {
    const from = server.connections();
    return waitFor('many more attempts', () => server.connections() >= from + attempts, { timeout: 120_000 });
  };
  // The first of many watches has complained: each of the others may do so once, too.
  await manyAttempts();
  const told = complaints(operator);
  await manyAttempts();
  await unreadyBecause(operator, /certificate-authority-data/);
  assert.ok(complaints(operator) <= 2 * told, `${told} complaints have become ${complaints(operator)}`);
});

test('an API server that is not there is waited for, and asked as soon as it is', async () => {
  using directory = new TemporaryDirectory();
  const authority = new CertificateAuthority(directory.file('pki'));
  await authority.create();
  const port = await freePort();
  const file = directory.file('kubeconfig');
  writeFileSync(file, kubeconfig(`https://127.0.0.1:${port}`, authority.certificate));
  await using operator = new OperatorProcess(file);
  await unreadyBecause(operator, /nothing listens there; start the API server, or correct server in the kubeconfig/);
  using _server = await apiServer(authority, port);
  await unreadyBecause(operator, /nobody may do anything/);
});

for (const [what, code] of Object.entries(unhandled))
  test(`an unhandled ${what} ends the operator with code 1, and its log says why without what is secret in it`, async () => {
    using directory = new TemporaryDirectory();
    const file = directory.file('kubeconfig');
    writeFileSync(file, kubeconfig(`http://127.0.0.1:${await freePort()}`));
    await using operator = new OperatorProcess(file, failingOnSignal(code));
    await operator.says(/operator started/);
    operator.signal('SIGUSR2');
    assert.equal(await operator.exitCode(), 1);
    await operator.says(/"level":"fatal".*\[redacted\].*"stack":.*unhandled error, exiting/);
    assert.doesNotMatch(operator.output, /opaque-token/);
    for (const line of operator.output.trim().split('\n')) JSON.parse(line);
  });

for (const signal of ['SIGTERM', 'SIGINT'])
  test(`${signal} at the first line of the program, before anything else is set up, ends it with code 0`, async () => {
    using directory = new TemporaryDirectory();
    const file = directory.file('kubeconfig');
    writeFileSync(file, kubeconfig(`http://127.0.0.1:${await freePort()}`));
    // Sent as soon as there is a handler. What is set up first otherwise is the handler of unhandled errors.
    const preload = `const { on } = process;
      process.on = function (event, ...rest) {
        const result = on.call(this, event, ...rest);
        if (event !== '${signal}') return result;
        console.log('first: ' + (process.listenerCount('uncaughtException') === 0));
        process.kill(process.pid, event);
        return result;
      };`;
    await using operator = new OperatorProcess(file, [
      '--import',
      `data:text/javascript,${encodeURIComponent(preload)}`,
    ]);
    assert.equal(await operator.exitCode(), 0);
    assert.match(operator.output, /first: true/);
    assert.match(operator.output, new RegExp(`"signal":"${signal}".*stopping`));
  });
