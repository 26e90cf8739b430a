import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { bundle } from '../../../build/bundle.ts';
import { probeLimits } from '../../../src/base/probe-limits.ts';
import { encodeSettings } from '../../../src/protocol/settings.ts';
import { fetchFrom, loopback, openConnections } from '../listeners/held-connections.ts';
import { AgentPod, freePort } from './agent-process.ts';
import { goodAnswer, startUdpServer } from './servers/dns-server.ts';
import { settingsWith } from './settings-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

const root = join(import.meta.dirname, '../../..');
/** spec.agent.resources.limits.memory where none is written. */
const limitBytes = 128 * 2 ** 20;
const toSpareBytes = 32 * 2 ** 20;
const scrapes = 20;

/** The image's flags for Node, without the program. */
function imageFlags(): string[] {
  const dockerfile = readFileSync(join(root, 'Dockerfile.agent'), 'utf8');
  const entrypoint = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)![1]!) as string[];
  return entrypoint.slice(1, -1);
}

const residentBytes = (pid: number) =>
  1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

test('an agent with 1,000 lookups, scraped every second, leaves 32 MiB of its memory, also to clients that read nothing', {
  timeout: 300_000,
}, async (t) => {
  using directory = new TemporaryDirectory();
  const program = directory.file('main.mjs');
  await bundle({ root, entry: 'src/agent/main.ts', file: program, longNames: true });
  const koffi = `node_modules/@koromix/koffi-linux-${process.arch}`;
  cpSync(join(root, koffi), directory.file(koffi), { recursive: true });
  await using dns = await startUdpServer((query, send) => send(goodAnswer(query)));
  const pod = new AgentPod(directory, dns.port);
  // Beside the pod's own nameserver, which is the first.
  await using others = new AsyncDisposableStack();
  const servers: string[] = [];
  for (let n = 2; n <= 10; n++) {
    others.use(await startUdpServer((query, send) => send(goodAnswer(query)), loopback(n), dns.port));
    servers.push(`${loopback(n)}:${dns.port}`);
  }
  const hosts = Array.from({ length: 50 }, (_, n) => `service-${n}.namespace.svc.cluster.local.`);
  const recordTypes = ['A' as const, 'AAAA' as const];
  assert.equal(hosts.length * (1 + servers.length) * recordTypes.length, probeLimits.maxLookups);
  const dnsSettings = { hosts, servers, protocols: ['UDP' as const], recordTypes };
  pod.volume.update(encodeSettings(settingsWith({ dns: dnsSettings, network: { enabled: false } })));
  const port = await freePort();
  await using agent = pod.start(port, imageFlags(), program);
  await agent.ready();
  await agent.metricsThat(
    (series) =>
      [...series.keys()].filter((name) => name.startsWith('dns_latency_seconds_count')).length ===
      probeLimits.maxLookups,
  );
  let bytes = [0, 0];
  const highestOf = async (eachSecond: (second: number) => Promise<unknown>) => {
    let highest = 0;
    for (let second = 0; second < scrapes; second++) {
      await eachSecond(second);
      const { body } = await fetchFrom(loopback(9), port, '/metrics', { 'accept-encoding': 'gzip' });
      bytes = [gunzipSync(body).length, body.length];
      highest = Math.max(highest, residentBytes(agent.pid));
      await delay(1000);
    }
    return highest;
  };
  const scraped = await highestOf(async () => {});
  t.diagnostic(`${bytes} bytes of metrics, plain and in gzip; ${scraped / 2 ** 20} MiB while scraped`);
  assert.ok(bytes[0]! > 2_000_000);
  assert.ok(scraped <= limitBytes - toSpareBytes, `${scraped / 2 ** 20} MiB`);
  const sockets: Socket[] = [];
  const request = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n';
  const unread = await highestOf(async (second) => {
    sockets.push(...(await openConnections(port, loopback(2 + (second % 4)), 2, request)));
    for (const socket of sockets) socket.pause();
  });
  for (const socket of sockets) socket.destroy();
  t.diagnostic(`${unread / 2 ** 20} MiB with clients that read nothing`);
  assert.ok(unread < limitBytes - toSpareBytes / 2, `${unread / 2 ** 20} MiB`);
});
