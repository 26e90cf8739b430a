import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { OperatorConnection, type OperatorTimes } from '../../../../src/agent/sync/operator-connection.ts';
import type { SyncError, SyncFailure } from '../../../../src/agent/sync/sync-error.ts';
import { maxAnswerBytes, syncServerName } from '../../../../src/protocol/sync.ts';
import type { SyncAccess } from '../../../../src/protocol/sync-access.ts';
import type { CertificateFiles } from '../../../cluster/certificates.ts';
import { eventually } from '../eventually.ts';
import {
  type Answer,
  type Authority,
  accessTo,
  listening,
  newAuthority,
  OperatorServer,
} from '../servers/operator-server.ts';
import { TemporaryDirectory } from '../temporary-directory.ts';

const token = 'eyJhbGciOiJFUzI1NiJ9.e30.c2VjcmV0';
let directory: TemporaryDirectory;
let authority: Authority;
let files: CertificateFiles;

before(async () => {
  directory = new TemporaryDirectory();
  writeFileSync(directory.file('token'), `${token}\n`);
  authority = await newAuthority(directory, 'authority');
  files = await authority.issue('operator', [syncServerName]);
});

after(() => directory[Symbol.dispose]());

const start = (answer: Answer) => OperatorServer.start(files, answer);
const ok: Answer = (_, response) => void response.end('{}');

/** Posts once on a connection of its own. */
async function post(access: SyncAccess, times?: OperatorTimes, tokenFile = directory.file('token')): Promise<string> {
  const connection = new OperatorConnection(tokenFile, times);
  try {
    return await connection.post(access, 'question', new AbortController().signal);
  } finally {
    connection.close();
  }
}

async function refuses(posted: Promise<string>, code: SyncFailure, message: RegExp): Promise<SyncError> {
  const error = (await posted.then(
    () => assert.fail('there was an answer'),
    (reason) => reason,
  )) as SyncError;
  assert.equal(error.name, 'SyncError', `${error}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  assert.ok(!error.message.includes(token));
  return error;
}

test('a request is posted with the token as it is in the file at the time, and its answer comes back', async () => {
  const seen: unknown[] = [];
  await using operator = await start((request, response) => {
    const { method, url, headers, body, httpVersion } = request;
    seen.push([
      method,
      url,
      headers.authorization,
      headers['content-type'],
      headers['content-length'],
      body,
      httpVersion,
    ]);
    response.end('ä answer');
  });
  const path = directory.file('renewed-token');
  writeFileSync(path, token);
  const connection = new OperatorConnection(path);
  const { signal } = new AbortController();
  const access = operator.access(authority.ca);
  assert.equal(await connection.post(access, 'ä', signal), 'ä answer');
  writeFileSync(path, 'a.new.one');
  await connection.post(access, '', signal);
  connection.close();
  assert.deepEqual(seen, [
    ['POST', '/v1/sync', `Bearer ${token}`, 'application/json', '2', 'ä', '1.1'],
    ['POST', '/v1/sync', 'Bearer a.new.one', 'application/json', '0', '', '1.1'],
  ]);
  assert.equal(operator.connections, 1, 'the connection is kept');
});

test('one connection at a time, by TLS 1.3 and nothing older', async () => {
  const protocols: (string | null)[] = [];
  {
    await using operator = await OperatorServer.start(files, ok, { minVersion: 'TLSv1.2' });
    operator.server.on('secureConnection', (socket) => protocols.push(socket.getProtocol()));
    await post(operator.access(authority.ca));
  }
  assert.deepEqual(protocols, ['TLSv1.3']);
  await using old = await OperatorServer.start(files, ok, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  await refuses(post(old.access(authority.ca)), 'untrusted', /version|alert/i);
});

test('another authority’s certificate is not the operator’s, and it sees neither token nor request', async () => {
  const other = await newAuthority(directory, 'other');
  let requests = 0;
  await using operator = await OperatorServer.start(await other.issue('operator', [syncServerName]), (_, response) => {
    requests++;
    response.end('{}');
  });
  await refuses(post(operator.access(authority.ca)), 'untrusted', /certificate/);
  assert.equal(requests, 0);
  assert.equal(await post(operator.access(authority.ca + other.ca)), '{}', 'while authorities change both are good');
});

test('a certificate for another name is not the operator’s, be it for the address that is dialled', async () => {
  for (const hosts of [['127.0.0.1'], ['localhost', 'kubernetes.default.svc']]) {
    const wrong = await authority.issue('wrong', hosts);
    await using operator = await OperatorServer.start(wrong, ok);
    await refuses(post(operator.access(authority.ca)), 'untrusted', /altnames/i);
  }
});

test('the authority is the only one: what this machine trusts otherwise does not count, and an access without one trusts nobody', async () => {
  await using operator = await start(ok);
  await refuses(
    post(operator.access('-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n')),
    'untrusted',
    /./,
  );
});

test('a new authority in the access counts from the next request on, without a word lost', async () => {
  const next = await newAuthority(directory, 'next');
  const nextFiles = await next.issue('operator', [syncServerName]);
  const connection = new OperatorConnection(directory.file('token'));
  const { signal } = new AbortController();
  await using operator = await start(ok);
  assert.equal(await connection.post(operator.access(authority.ca), '', signal), '{}');
  await using renewed = await OperatorServer.start(nextFiles, ok);
  await assert.rejects(connection.post(renewed.access(authority.ca), '', signal), { code: 'untrusted' });
  assert.equal(await connection.post(renewed.access(authority.ca + next.ca), '', signal), '{}');
  assert.equal(await connection.post(renewed.access(next.ca), '', signal), '{}');
  connection.close();
});

test('plain HTTP is refused', async () => {
  const server = createHttpServer((_, response) => response.end('{}'));
  const port = await listening(server);
  await refuses(post(accessTo(port, authority.ca)), 'untrusted', /SSL|version/i);
  server.close();
});

test('nobody there, and someone who hangs up', async () => {
  const server = createServer((socket) => socket.destroy());
  const port = await listening(server);
  await refuses(post(accessTo(port, authority.ca)), 'unreachable', /./);
  server.close();
  await once(server, 'close');
  await refuses(post(accessTo(port, authority.ca)), 'unreachable', /ECONNREFUSED/);
});

test('the other address is tried when one is in vain', async () => {
  await using operator = await start(ok);
  const silent = createServer((socket) => socket.destroy());
  const port = await listening(silent);
  const addresses = [`127.0.0.1:${port}`, `127.0.0.1:${operator.port}`];
  const connection = new OperatorConnection(directory.file('token'));
  const { signal } = new AbortController();
  const access = operator.access(authority.ca, { addresses });
  await assert.rejects(connection.post(access, '', signal), { code: 'unreachable' });
  assert.equal(await connection.post(access, '', signal), '{}');
  assert.equal(await connection.post(access, '', signal), '{}', 'and stays');
  connection.close();
  silent.close();
});

test('where nobody takes the connection, it is given up before a handshake would be', async () => {
  const listener = `
    const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));
  `;
  const server = spawn(process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] });
  const sockets: Socket[] = [];
  try {
    const [port] = await once(server.stdout, 'data');
    server.kill('SIGSTOP');
    const access = accessTo(Number(port), authority.ca);
    // A process that is stopped takes none, and the kernel only as many as fit into the queue; who comes then is not
    // answered.
    for (let number = 0; number < 8; number++) sockets.push(connect(Number(port), '127.0.0.1').on('error', () => {}));
    await new Promise((resolve) => setImmediate(resolve));
    const times = { dialMs: 300, connectMs: 20_000, answerMs: 20_000 };
    await refuses(post(access, times), 'timeout', /no TCP connection within 300 ms/);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.kill('SIGKILL');
  }
});

test('who takes the connection and then says nothing is given up, in the handshake and behind it', async () => {
  const times = { dialMs: 5000, connectMs: 300, answerMs: 600 };
  const mute = createServer(() => {});
  const port = await listening(mute);
  const sockets: Socket[] = [];
  mute.on('connection', (socket) => sockets.push(socket));
  await refuses(post(accessTo(port, authority.ca), times), 'timeout', /no TLS connection within 300 ms/);
  for (const socket of sockets) socket.destroy();
  mute.close();
  await using operator = await start(() => {});
  await refuses(post(operator.access(authority.ca), times), 'timeout', /no response within 600 ms/);
});

test('an answer that drips is given up at its deadline', async () => {
  await using operator = await start((_, response) => {
    response.writeHead(200, { 'content-length': '1000000' });
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  });
  await refuses(
    post(operator.access(authority.ca), { dialMs: 5000, connectMs: 5000, answerMs: 700 }),
    'timeout',
    /700 ms/,
  );
});

test('an answer of a gigabyte is left where it is, of known length or not, and costs no memory', async () => {
  for (const headers of [{ 'content-length': `${2 ** 30}` }, {}]) {
    let written = 0;
    await using operator = await start((_, response) => {
      response.writeHead(200, headers);
      const piece = Buffer.alloc(65_536, 'x');
      const pump = () => {
        while (!response.destroyed && written < 2 ** 30) {
          written += piece.length;
          if (!response.write(piece)) return response.once('drain', pump);
        }
        return undefined;
      };
      pump();
    });
    const before = process.memoryUsage().arrayBuffers;
    await refuses(post(operator.access(authority.ca)), 'malformed', new RegExp(`larger than ${maxAnswerBytes} bytes`));
    assert.ok(written < 2 ** 26, `${written} bytes were sent`);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 25);
  }
});

test('half an answer is none', async () => {
  await using operator = await start((_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"version":1', () => setImmediate(() => response.destroy()));
  });
  await refuses(post(operator.access(authority.ca)), 'unreachable', /aborted|closed/);
});

test('what is no HTTP, headers without end, and an upgrade nobody asked for are no answers', async () => {
  for (const [raw, code] of [
    ['SSH-2.0-OpenSSH\r\n\r\n', 'malformed'],
    [`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`, 'malformed'],
    ['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 'unreachable'],
  ] as const) {
    await using operator = await start(({ socket }) => void socket.write(raw));
    await refuses(post(operator.access(authority.ca)), code, /./);
  }
});

test('a status says what to do: who I am, wait, another operator, anything else', async () => {
  const answers: [
    status: number,
    headers: Record<string, string>,
    code: SyncFailure,
    retryAfterMs: number | undefined,
  ][] = [
    [401, {}, 'unauthorized', undefined],
    [403, {}, 'unauthorized', undefined],
    [400, {}, 'invalid', undefined],
    [413, {}, 'invalid', undefined],
    [429, { 'retry-after': '7' }, 'refused', 7000],
    [503, { 'retry-after': '1' }, 'unavailable', 1000],
    [503, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 'unavailable', undefined],
    [503, { 'retry-after': '99999999999999999999' }, 'unavailable', undefined],
    [302, { location: 'https://example.com/' }, 'refused', undefined],
    [500, {}, 'refused', undefined],
    [204, {}, 'refused', undefined],
  ];
  let next = answers[0]!;
  await using operator = await start((_, response) => {
    response.writeHead(next[0], next[1]);
    response.end(next[0] === 204 ? undefined : 'a page');
  });
  const connection = new OperatorConnection(directory.file('token'));
  for (next of answers) {
    const [status, , code, retryAfterMs] = next;
    const posted = connection.post(operator.access(authority.ca), '', new AbortController().signal);
    const error = await refuses(posted, code, new RegExp(`^HTTP status ${status}$`));
    assert.equal(error.retryAfterMs, retryAfterMs, `${status}`);
  }
  connection.close();
  assert.equal(operator.connections, 1, 'a refusal is no reason to shake hands anew');
});

test('without a token nobody is asked, and what is no token is not sent', async () => {
  let requests = 0;
  await using operator = await start((_, response) => {
    requests++;
    response.end('{}');
  });
  const access = operator.access(authority.ca);
  await refuses(post(access, undefined, directory.file('nowhere')), 'credential', /ENOENT.*nowhere/);
  for (const content of ['', 'two words', 'a\r\nX-Injected: 1', 'ä', 'x'.repeat(20_000)]) {
    writeFileSync(directory.file('no-token'), content);
    await refuses(
      post(access, undefined, directory.file('no-token')),
      'credential',
      /no-token does not contain a service account token$/,
    );
  }
  assert.deepEqual([requests, operator.connections], [0, 0]);
});

test('a request that is given up ends its connection', async () => {
  const ended = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  await using operator = await start(({ socket }) => {
    socket.once('close', () => ended.resolve());
    arrived.resolve();
  });
  const connection = new OperatorConnection(directory.file('token'));
  const controller = new AbortController();
  const posted = connection.post(operator.access(authority.ca), '', controller.signal);
  await arrived.promise;
  controller.abort();
  await assert.rejects(posted);
  await ended.promise;
});

test('a connection that the operator closed between requests is opened anew, and checked anew', async () => {
  await using operator = await start(ok);
  const resumed: boolean[] = [];
  operator.server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()));
  const connection = new OperatorConnection(directory.file('token'));
  const { signal } = new AbortController();
  const access = operator.access(authority.ca);
  await connection.post(access, '', signal);
  operator.server.closeIdleConnections();
  // A request that crosses the end of its connection is lost with it.
  const answer = await eventually(
    () => connection.post(access, '', signal).catch(() => undefined),
    () => 'no answer',
  );
  connection.close();
  assert.deepEqual([answer, resumed], ['{}', [false, false]]);
});

test('a request that follows an answer at once has the same connection, and is held for longer than a connection may take', async () => {
  await using operator = await start(({ body }, response) => {
    if (body === 'hold') setTimeout(() => response.end('held'), 800);
    else response.end('{}');
  });
  const connection = new OperatorConnection(directory.file('token'), { dialMs: 400, connectMs: 400, answerMs: 20_000 });
  const { signal } = new AbortController();
  const access = operator.access(authority.ca);
  // A handshake may take long on a busy machine.
  await eventually(
    () => connection.post(access, '', signal).catch(() => undefined),
    () => 'no answer',
  );
  const { connections } = operator;
  for (let times = 0; times < 3; times++) {
    await connection.post(access, '', signal);
    assert.equal(await connection.post(access, 'hold', signal), 'held');
  }
  connection.close();
  assert.equal(operator.connections, connections);
});

test('an operator that closes each connection behind its answer, or before, keeps no request waiting', async () => {
  let requests = 0;
  await using operator = await start(({ socket }, response) => {
    const before = requests++ % 3 === 0;
    if (before) socket.destroy();
    else response.end('{}', () => socket.destroy());
  });
  const connection = new OperatorConnection(directory.file('token'), {
    dialMs: 20_000,
    connectMs: 20_000,
    answerMs: 20_000,
  });
  const { signal } = new AbortController();
  const results: string[] = [];
  for (let times = 0; times < 60; times++)
    results.push(
      await connection.post(operator.access(authority.ca), '', signal).then(
        () => 'ok',
        ({ code }) => code,
      ),
    );
  connection.close();
  assert.deepEqual([...new Set(results)].sort(), ['ok', 'unreachable']);
});

test('an answer that overtakes its request leaves the connection to the next one only when that is whole', async () => {
  await using operator = await start(ok);
  operator.server.removeAllListeners('request').on('request', (request, response) => {
    const long = Number(request.headers['content-length']) > 0;
    if (long) response.end('{}', () => setTimeout(() => request.resume(), 100));
    else setTimeout(() => response.end('held'), 1500);
  });
  const connection = new OperatorConnection(directory.file('token'), {
    dialMs: 1000,
    connectMs: 1000,
    answerMs: 20_000,
  });
  const { signal } = new AbortController();
  const access = operator.access(authority.ca);
  assert.equal(await connection.post(access, 'x'.repeat(20_000_000), signal), '{}');
  assert.equal(await connection.post(access, '', signal), 'held');
  connection.close();
  assert.equal(operator.connections, 1);
});
