import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../../../../../src/operator/kube/api-error.ts';
import { operatorLogger } from '../../../../../src/operator/log/logger.ts';
import { issueServing } from '../../../../../src/operator/sync/tls/certificate-authority.ts';
import { isUsable, type SyncCertificates } from '../../../../../src/operator/sync/tls/sync-certificates.ts';
import { SyncSecret } from '../../../../../src/operator/sync/tls/sync-secret.ts';
import { syncServerName } from '../../../../../src/protocol/sync.ts';
import { FakeClock, until } from '../../../fake-clock.ts';
import { OneObjectServer } from '../../one-object-server.ts';

const namespace = 'net-exporter-system';
const name = 'net-exporter-operator-sync';

/** A leader that keeps the Secret of this server, and what it serves with. */
async function leading(server: OneObjectServer, clock = new FakeClock()) {
  const used: SyncCertificates[] = [];
  const lines: string[] = [];
  const end = new AbortController();
  const secret = new SyncSecret({
    client: server.client,
    ...{ namespace, clock, random: () => 0.5 },
    log: operatorLogger('trace', { write: (line: string) => void lines.push(line) }),
    onCertificates: (certificates) => used.push(certificates),
    onFault: () => assert.fail('the Secret can be processed'),
    onObstacle: () => {},
  });
  const running = secret.reflector.run(end.signal);
  await secret.reflector.synced;
  let term = new AbortController();
  let kept = secret.keep(term.signal);
  return {
    used,
    lines,
    clock,
    secret,
    /** Moves the clock on, a second a turn, until the condition holds. */
    waits: (condition: () => boolean, what: string) =>
      until(() => {
        if (condition()) return true;
        clock.advance(1000);
        return false;
      }, what),
    losesLease: async () => {
      term.abort();
      await kept;
    },
    leadsAgain: () => {
      term = new AbortController();
      kept = secret.keep(term.signal);
    },
    stop: async () => {
      term.abort();
      end.abort();
      await Promise.all([kept, running]);
    },
  };
}

const dataOf = ({ object }: OneObjectServer) => object?.data as Record<string, string> | undefined;

test('the first leader makes certificates, and the next one serves with the same', async () => {
  const server = new OneObjectServer(namespace, name);
  const first = await leading(server);
  await until(() => first.used.length === 1, 'there are certificates');
  assert.ok(isUsable(first.used[0], syncServerName, first.clock.wall()));
  assert.deepEqual(server.writes, ['create']);
  assert.deepEqual(Object.keys(dataOf(server)!).sort(), ['ca.crt', 'ca.key', 'tls.crt', 'tls.key']);
  await first.stop();
  const second = await leading(server);
  await until(() => second.used.length === 1, 'they are used');
  assert.deepEqual(second.used, first.used);
  assert.deepEqual(server.writes, ['create']);
  await second.stop();
});

test('a Secret that is deleted or broken is made again as it was', async () => {
  const server = new OneObjectServer(namespace, name);
  const { used, waits, lines, stop } = await leading(server);
  await until(() => used.length === 1, 'there are certificates');
  const data = dataOf(server);
  await waits(() => server.object !== undefined, 'it is there');
  server.put(undefined);
  await waits(() => server.object !== undefined, 'it is there again');
  assert.deepEqual(dataOf(server), data);
  assert.doesNotMatch(lines.join(''), /overwritten/);
  server.put({ ...server.object, data: { 'tls.key': 'bm9uc2Vuc2U=' } });
  await waits(() => dataOf(server)?.['ca.crt'] === data?.['ca.crt'], 'it is mended');
  assert.deepEqual(dataOf(server), data);
  await until(() => /"level":"warn".*which someone had overwritten/.test(lines.join('')), 'the log says so');
  assert.equal(used.length, 1, 'the server goes on with what it has');
  await stop();
});

test('a leader that finds a broken Secret makes new certificates', async () => {
  const server = new OneObjectServer(namespace, name);
  server.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: { 'ca.crt': 'bm9uc2Vuc2U=' } });
  const { used, stop, clock } = await leading(server);
  await until(() => used.length === 1, 'there are certificates');
  assert.ok(isUsable(used[0], syncServerName, clock.wall()));
  assert.deepEqual(server.writes, ['apply']);
  await stop();
});

test('a serving certificate is renewed before it ends, and the authority stays', async () => {
  const server = new OneObjectServer(namespace, name);
  const { used, clock, stop } = await leading(server);
  await until(() => used.length === 1 && clock.pending > 0, 'there are certificates');
  clock.advance(61 * 86_400_000);
  await until(() => {
    clock.advance(3_600_000);
    return used.length > 1;
  }, 'it is renewed');
  assert.notEqual(used[1]?.serving.certificate, used[0]?.serving.certificate);
  assert.deepEqual(used[1]?.authorities, used[0]?.authorities);
  await stop();
});

test('what cannot be kept is not used, and is told once without a word of what is secret', async () => {
  const server = new OneObjectServer(namespace, name);
  server.failure = new ApiError('Forbidden', 'no');
  const { used, secret, lines, waits, stop } = await leading(server);
  await waits(() => server.writes.length >= 3, 'it has been tried a few times');
  assert.equal(used.length, 0);
  assert.match(secret.obstacle ?? '', /cannot write Secret net-exporter-operator-sync: no/);
  assert.equal(lines.filter((line) => line.includes('"level":"warn"')).length, 1);
  server.failure = undefined;
  await waits(() => used.length === 1, 'there are certificates');
  await waits(() => secret.obstacle === undefined, 'nothing is in the way');
  assert.doesNotMatch(lines.join(''), /PRIVATE KEY|BEGIN/);
  await stop();
});

/** Asks for a rotation, as an administrator does by kubectl. */
function annotate(server: OneObjectServer, value: string): void {
  const { object } = server;
  const annotations = { 'net-exporter.dev/rotate-before': value };
  server.put({ ...object, metadata: { ...object!.metadata, annotations } });
}

/** Whether agents that trust these authorities accept a server with this certificate, over TLS. */
async function accepts(authorities: string[], serving: SyncCertificates['serving']): Promise<boolean> {
  const server = createServer({ cert: serving.certificate, key: serving.key }, (socket) => void socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const options = { port, host: '127.0.0.1', ca: authorities, servername: syncServerName };
  try {
    const socket = connect(options);
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.destroy();
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

test('after a rotation on request agents refuse whoever has the leaked key, and every agent could sync meanwhile', async () => {
  const server = new OneObjectServer(namespace, name);
  const { used, waits, stop, clock, lines } = await leading(server, new FakeClock({ wall: Date.now() }));
  await until(() => used.length === 1, 'there are certificates');
  const [leaked] = used as [SyncCertificates];
  clock.advance(60_000);
  annotate(server, new Date(clock.wall()).toISOString());
  await waits(() => used.length === 2, 'there is a new authority');
  const during = used[1]!;
  assert.ok(await accepts(leaked.authorities, during.serving), 'an agent that knows the old one only');
  assert.ok(await accepts(during.authorities, during.serving), 'an agent that knows both');
  await waits(() => used.length === 3, 'the old authority is withdrawn');
  const after = used[2]!;
  assert.ok(await accepts(during.authorities, after.serving), 'an agent that knows both');
  assert.ok(await accepts(after.authorities, after.serving), 'an agent that knows the new one only');
  const impostor = await issueServing(
    { certificate: leaked.authorities[0]!, key: leaked.authorityKey },
    syncServerName,
    clock.wall(),
  );
  assert.ok(await accepts(during.authorities, impostor), 'the test can tell');
  assert.equal(await accepts(after.authorities, impostor), false);
  const data = dataOf(server)!;
  assert.equal(Buffer.from(data['ca.crt']!, 'base64').toString(), after.authorities.join(''));
  assert.equal(Buffer.from(data['ca.key']!, 'base64').toString(), after.authorityKey);
  // With the annotation left as it is, nothing goes on.
  const { length } = server.writes;
  clock.advance(3_600_000);
  await stop();
  assert.equal(server.writes.length, length);
  assert.doesNotMatch(lines.join(''), /PRIVATE KEY|BEGIN/);
});

test('a leader that takes over during a rotation completes it', async () => {
  const server = new OneObjectServer(namespace, name);
  const clock = new FakeClock();
  const first = await leading(server, clock);
  await until(() => first.used.length === 1, 'there are certificates');
  clock.advance(60_000);
  annotate(server, new Date(clock.wall()).toISOString());
  await first.waits(() => first.used.length === 2, 'there is a new authority');
  await first.stop();
  const second = await leading(server, clock);
  const authority = first.used[1]?.authorities[0];
  await second.waits(() => second.used.at(-1)?.authorities.length === 1, 'the old authority is withdrawn');
  assert.deepEqual(second.used.at(-1)?.authorities, [authority]);
  assert.ok(isUsable(second.used.at(-1), syncServerName, clock.wall()));
  await second.stop();
});

test('a process that leads again serves with what another leader has made meanwhile', async () => {
  const [server, other] = [new OneObjectServer(namespace, name), new OneObjectServer(namespace, name)];
  const first = await leading(server);
  await until(() => first.used.length === 1, 'there are certificates');
  await first.losesLease();
  const second = await leading(other);
  await until(() => second.used.length === 1, 'there are others');
  await second.stop();
  server.put({ ...server.object, data: dataOf(other) });
  const seen = () => first.secret.reflector.options.store.get(`${namespace}/${name}`)?.data;
  await until(() => isDeepStrictEqual(seen(), dataOf(other)), 'the watch brings them');
  first.leadsAgain();
  await first.waits(() => first.used.length === 2, 'they are used');
  assert.deepEqual(first.used[1], second.used[0]);
  assert.deepEqual(dataOf(server), dataOf(other));
  await first.stop();
});

test('a leader that leads again while its watch is behind serves with what another leader wrote last', async () => {
  const server = new OneObjectServer(namespace, name);
  const first = await leading(server);
  await until(() => first.used.length === 1, 'there are certificates');
  await first.losesLease();
  const other = new OneObjectServer(namespace, name);
  const second = await leading(other);
  await until(() => second.used.length === 1, 'there are others');
  await second.stop();
  server.isSilent = true;
  server.put({ ...server.object, data: dataOf(other) });
  server.writes.length = 0;
  first.leadsAgain();
  await first.waits(() => first.used.length === 2, 'it uses certificates');
  server.speak();
  const seen = () => first.secret.reflector.options.store.get(`${namespace}/${name}`)?.data;
  await until(() => isDeepStrictEqual(seen(), dataOf(other)), 'the watch brings them');
  first.clock.advance(120_000);
  await first.stop();
  assert.deepEqual(first.used.slice(1), second.used);
  assert.deepEqual([server.writes, dataOf(server)], [[], dataOf(other)]);
});

test('an annotation that is no time changes nothing, and is logged once', async () => {
  const server = new OneObjectServer(namespace, name);
  const { used, lines, clock, waits, stop } = await leading(server);
  await until(() => used.length === 1, 'there are certificates');
  const told = () => lines.filter((line) => line.includes('ignoring the annotation')).length;
  for (const value of ['now', '2026-01-01', '']) {
    const before = told();
    annotate(server, value);
    await waits(() => told() > before, 'it is logged');
    clock.advance(120_000);
    assert.equal(told(), before + 1);
  }
  assert.equal(used.length, 1);
  await stop();
});
