import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operatorOptions } from '../../../src/operator/operator-options.ts';

test('without anything it runs in its cluster, with the agent image of its version', () => {
  assert.deepEqual(operatorOptions([], {}, '1.2.3'), {
    kubeconfig: undefined,
    agentImage: 'ghcr.io/net-exporter/net-exporter-agent:1.2.3',
    podName: 'net-exporter-operator',
    namespace: 'net-exporter-system',
    port: 8080,
    logLevel: 'info',
    sync: undefined,
    pageHosts: [],
  });
});

test('the API is there unless it is turned off, at more names if they are given', () => {
  const hosts = (environment: Record<string, string>) => operatorOptions([], environment, '1').pageHosts;
  assert.deepEqual(hosts({ PAGE: 'true', PAGE_HOSTS: '' }), []);
  assert.deepEqual(hosts({ PAGE_HOSTS: 'a.example.com, b,' }), ['a.example.com', 'b']);
  assert.equal(hosts({ PAGE: 'false', PAGE_HOSTS: 'a.example.com' }), undefined);
});

test('agents reach it at the address of its pod, or at what is advertised in its place', () => {
  const sync = (environment: Record<string, string>) => operatorOptions([], environment, '1').sync;
  assert.deepEqual(sync({ POD_IP: '10.0.0.7' }), { port: 8443, address: '10.0.0.7', advertisedPort: undefined });
  assert.deepEqual(sync({ POD_IP: 'fd00::7' }), { port: 8443, address: 'fd00::7', advertisedPort: undefined });
  assert.deepEqual(sync({ POD_IP: '10.0.0.7', SYNC_ADVERTISE: '192.0.2.1:443', SYNC_PORT: '0' }), {
    ...{ port: 0, address: '192.0.2.1', advertisedPort: 443 },
  });
  assert.deepEqual(sync({ SYNC_ADVERTISE: '[fd00::1]:443' }), { port: 8443, address: 'fd00::1', advertisedPort: 443 });
});

test('the KUBECONFIG variable is never taken, the flag is', () => {
  assert.equal(operatorOptions([], { KUBECONFIG: '/elsewhere' }, '1').kubeconfig, undefined);
  assert.equal(operatorOptions(['--kubeconfig', '/here'], {}, '1').kubeconfig, '/here');
});

test('the lease is in the namespace of the pod', () => {
  assert.equal(operatorOptions([], { POD_NAMESPACE: 'elsewhere' }, '1').namespace, 'elsewhere');
});

for (const [args, environment, message] of [
  [[], { PORT: 'http' }, /PORT must be a port number, such as 8080, got "http"/],
  [[], { PORT: '70000' }, /PORT must be a port number/],
  [[], { SYNC_PORT: '-1' }, /SYNC_PORT must be a port number, such as 8443, got "-1"/],
  [[], { SYNC_ADVERTISE: 'here' }, /SYNC_ADVERTISE must be an address or address:port, such as .*got "here"/],
  [[], { POD_IP: 'none' }, /POD_IP must be an address/],
  [[], { LOG_LEVEL: 'loud' }, /LOG_LEVEL must be one of trace, .*got "loud"/],
  [[], { PAGE: 'off' }, /PAGE must be true or false, got "off"/],
  [
    [],
    { PAGE_HOSTS: 'a.example.com:443' },
    /PAGE_HOSTS must be names without ports, such as .*got "a.example.com:443"/,
  ],
  [['--kubeconfig'], {}, /usage: operator \[--kubeconfig FILE\]/],
  [['--kubeconfig='], {}, /requires a file name/],
  [['--verbose'], {}, /usage: operator/],
] as const)
  test(`${JSON.stringify([args, environment])} is refused with what to write`, () => {
    assert.throws(() => operatorOptions([...args], environment, '1'), { code: 'InvalidOption', message });
  });
