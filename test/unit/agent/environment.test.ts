import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvironmentError, readEnvironment } from '../../../src/agent/environment.ts';

test('an empty environment gives what the DaemonSet would', () => {
  assert.deepEqual(readEnvironment({}, 'host-1'), {
    nodeName: 'host-1',
    podIps: [],
    port: 8000,
    settingsFile: '/etc/net-exporter/settings.json',
    syncAccessFile: '/etc/net-exporter/sync.json',
    syncTokenFile: '/var/run/secrets/net-exporter/token',
    stateDirectory: '/var/lib/net-exporter',
    resolvConf: '/etc/resolv.conf',
    nameserverPort: 53,
  });
});

test('every variable counts', () => {
  const given = {
    NODE_NAME: 'node-a',
    POD_NAME: 'agent-x',
    POD_IPS: '10.0.0.1, fd00::1',
    PORT: '9000',
    SETTINGS_FILE: '/s.json',
    SYNC_ACCESS_FILE: '/sync.json',
    SYNC_TOKEN_FILE: '/token',
    STATE_DIRECTORY: '/state',
    RESOLV_CONF: '/r.conf',
    NAMESERVER_PORT: '5353',
  };
  assert.deepEqual(readEnvironment(given, 'host-1'), {
    nodeName: 'node-a',
    podIps: ['10.0.0.1', 'fd00::1'],
    port: 9000,
    settingsFile: '/s.json',
    syncAccessFile: '/sync.json',
    syncTokenFile: '/token',
    stateDirectory: '/state',
    resolvConf: '/r.conf',
    nameserverPort: 5353,
  });
  assert.equal(readEnvironment({ ...given, NODE_NAME: '' }, 'host-1').nodeName, 'agent-x');
});

for (const [name, value] of [
  ['PORT', '0'],
  ['PORT', '65536'],
  ['PORT', '80a'],
  ['PORT', '1e3'],
  ['NAMESERVER_PORT', '-1'],
  ['POD_IPS', '10.0.0.1,localhost'],
]) {
  test(`${name}=${value} is refused by its name`, () => {
    assert.throws(
      () => readEnvironment({ [name!]: value }, 'host-1'),
      (error) =>
        error instanceof EnvironmentError &&
        error.code === 'InvalidEnvironment' &&
        error.message.startsWith(`${name} must be `),
    );
  });
}
