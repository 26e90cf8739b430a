import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { listen } from '../../../../src/operator/http/listen.ts';

const first = createServer();
const second = createServer();
after(() => {
  first.close();
  second.close();
});
const taken = await listen(first, 0);

test('a port that is taken is refused, however often, and listened on once it is free', async () => {
  for (let attempt = 0; attempt < 20; attempt++)
    await assert.rejects(listen(second, taken), { code: 'EADDRINUSE', port: taken });
  assert.equal(second.listenerCount('listening') + second.listenerCount('error'), 0, 'nothing of it stays');
  await new Promise((resolve) => first.close(resolve));
  assert.equal(await listen(second, taken), taken);
});

test('what fails later is not for whoever made it listen', async () => {
  const server = createServer();
  await listen(server, 0);
  server.close();
  assert.throws(() => server.emit('error', new Error('no file descriptors')), /no file descriptors/);
});

test('what is no port is refused', async () => {
  await assert.rejects(listen(createServer(), 70_000), { code: 'ERR_SOCKET_BAD_PORT' });
});
