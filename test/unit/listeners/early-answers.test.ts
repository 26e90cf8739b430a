import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { answerEarly } from '../../../src/listeners/early-answers.ts';
import { eventually } from '../agent/eventually.ts';
import { openDescriptors } from '../agent/servers/probe-context.ts';

test('connections that are answered early are closed, and the server never sees them', async () => {
  const ports: number[] = [];
  const server = createServer((socket) => {
    ports.push(socket.remotePort!);
    socket.on('error', () => {}).end('late');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const before = openDescriptors();
  const seen: number[] = [];
  answerEarly(server, (fd) => {
    seen.push(fd);
    return seen.length % 2 === 1;
  });
  const expected: number[] = [];
  for (let n = 0; n < 6; n++) {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    if (n % 2 === 1) expected.push(socket.localPort!);
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    await once(socket, 'close');
    assert.equal(text, n % 2 === 1 ? 'late' : '');
  }
  assert.ok(seen.length === 6 && seen.every((fd) => fd > 2));
  assert.deepEqual(ports, expected);
  await eventually(
    () => openDescriptors() === before,
    () => `${openDescriptors()} descriptors, ${before} before`,
  );
  server.close();
});
