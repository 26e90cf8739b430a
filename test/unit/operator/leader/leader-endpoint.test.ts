import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { Advertised } from '../../../../src/operator/leader/endpoint-slice.ts';
import { LeaderEndpoint } from '../../../../src/operator/leader/leader-endpoint.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { OneObjectServer } from '../one-object-server.ts';
import { quietLog } from '../quiet-log.ts';

const namespace = 'net-exporter-system';
const name = 'net-exporter-operator-sync';
const resource = { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices' };
const advertised: Advertised = { address: '10.0.0.1', port: 8443 };

async function keeping(server: OneObjectServer, to: Advertised = advertised) {
  const clock = new FakeClock();
  const end = new AbortController();
  const obstacles: (string | undefined)[] = [];
  const endpoint = new LeaderEndpoint({
    client: server.client,
    ...{ resource, namespace, clock, random: () => 0.5, log: quietLog },
    onFault: () => assert.fail('the EndpointSlice can be processed'),
    onObstacle: () => obstacles.push(endpoint.obstacle),
  });
  const running = endpoint.reflector.run(end.signal);
  await endpoint.reflector.synced;
  const stopped = new AbortController();
  const kept = endpoint.keep(to, AbortSignal.any([end.signal, stopped.signal]));
  return {
    clock,
    obstacles,
    withdraw: async () => {
      stopped.abort();
      await kept;
      await endpoint.withdraw(to);
    },
    stop: async () => {
      end.abort();
      await Promise.all([kept, running]);
    },
  };
}

const addressesOf = ({ object }: OneObjectServer) =>
  (object?.endpoints as { addresses: string[] }[] | undefined)?.[0]?.addresses;

test('where there is no EndpointSlice one is made that leads to the leader, and then nothing is written', async () => {
  const server = new OneObjectServer(namespace, name);
  const { clock, stop } = await keeping(server);
  await until(() => server.object !== undefined, 'there is one');
  const { object: slice } = server;
  assert.equal(slice?.metadata.labels?.['kubernetes.io/service-name'], name);
  assert.equal(slice?.addressType, 'IPv4');
  assert.deepEqual(slice?.endpoints, [{ addresses: ['10.0.0.1'], conditions: { ready: true } }]);
  assert.deepEqual(slice?.ports, [{ name: 'sync', port: 8443, protocol: 'TCP' }]);
  for (let turn = 0; turn < 50; turn++) {
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(server.writes, ['create']);
  await stop();
});

test('a new leader takes over the EndpointSlice of the one before', async () => {
  const server = new OneObjectServer(namespace, name);
  const first = await keeping(server);
  await until(() => server.object !== undefined, 'there is one');
  await first.stop();
  const second = await keeping(server, { address: '10.0.0.2', port: 8443 });
  await until(() => addressesOf(server)?.[0] === '10.0.0.2', 'it leads to the second');
  assert.deepEqual(server.writes, ['create', 'apply']);
  await second.stop();
});

test('one of the other family is made anew: it cannot be changed', async () => {
  const server = new OneObjectServer(namespace, name);
  const first = await keeping(server);
  await until(() => server.object !== undefined, 'there is one');
  await first.stop();
  const { clock, stop } = await keeping(server, { address: 'fd00::2', port: 8443 });
  await until(() => server.writes.includes('delete'), 'it is deleted');
  await until(() => clock.pending > 0, 'it waits');
  clock.advance(1000);
  await until(() => server.object?.addressType === 'IPv6', 'there is one again');
  await stop();
});

test('one that is deleted or changed is mended at once, but not more often than once a second', async () => {
  const server = new OneObjectServer(namespace, name);
  const { clock, stop } = await keeping(server);
  await until(() => server.object !== undefined && clock.pending > 0, 'there is one');
  clock.advance(1000);
  await until(() => clock.pending === 0, 'it waits for a change');
  server.put(undefined);
  await until(() => server.object !== undefined, 'there is one again');
  const { length } = server.writes;
  server.put({ ...server.object, endpoints: [] });
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.writes.length, length, 'not yet');
  clock.advance(1000);
  await until(() => addressesOf(server)?.[0] === '10.0.0.1', 'it is mended');
  await stop();
});

test('what the API server refuses hinders it, and is tried again', async () => {
  const server = new OneObjectServer(namespace, name);
  server.failure = new ApiError('Forbidden', 'no');
  const { clock, obstacles, stop } = await keeping(server);
  await until(() => server.writes.length === 1 && clock.pending > 0, 'it has been tried');
  server.failure = undefined;
  clock.advance(1000);
  await until(() => server.object !== undefined, 'there is one');
  await until(() => obstacles.length === 2, 'nothing hinders it any more');
  assert.deepEqual(obstacles, [`cannot write EndpointSlice ${name}: no`, undefined]);
  await stop();
});

test('a leader that stops lets the Service lead nowhere', async () => {
  const server = new OneObjectServer(namespace, name);
  const { withdraw, stop } = await keeping(server);
  await until(() => server.object !== undefined, 'there is one');
  await withdraw();
  assert.deepEqual(server.object?.endpoints, []);
  await stop();
});

test('a Service that leads to another operator already is left alone', async () => {
  const server = new OneObjectServer(namespace, name);
  const { clock, withdraw, stop } = await keeping(server);
  await until(() => server.object !== undefined, 'there is one');
  await until(() => clock.pending > 0, 'it waits after the write');
  server.put({ ...server.object, endpoints: [{ addresses: ['10.0.0.2'], conditions: { ready: true } }] });
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  await withdraw();
  assert.deepEqual(addressesOf(server), ['10.0.0.2']);
  await stop();
});

test('that the Service cannot be withdrawn keeps no leader from stopping', async () => {
  const server = new OneObjectServer(namespace, name);
  const { withdraw, stop } = await keeping(server);
  await until(() => server.object !== undefined, 'there is one');
  server.failure = new ApiError('Forbidden', 'no', { status: 403 });
  await withdraw();
  assert.deepEqual(addressesOf(server), ['10.0.0.1']);
  await stop();
});
