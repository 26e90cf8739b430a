import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../../soak/random.ts';
import {
  encodeEchoRequest,
  maxEchoBytes,
  maxEchoSequence,
  minEchoBytes,
} from '../../../src/agent/echo/echo-message.ts';
import { encodeSettings, type Settings } from '../../../src/protocol/settings.ts';
import { AgentPod, type AgentProcess, freePort } from './agent-process.ts';
import { eventually } from './eventually.ts';
import { framed, goodAnswer, startTcpServer, startUdpServer } from './servers/dns-server.ts';
import { startListenerProcess } from './servers/listener-process.ts';
import { startZoneServer } from './servers/zone-server.ts';
import { settingsWith } from './settings-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

/** How long each port is sent nonsense, in milliseconds. */
const fuzzMs = 4000;
/**
 * How much more an agent may hold in memory for what is sent to it: as much as a V8 that has no reason to hurry leaves
 * uncollected.
 */
const growthBytes = 64 << 20;
const ownFaults = ['dns_error_total', 'network_error_total', 'net_exporter_settings_load_error_total'];

/** Another seed in each run, and that of an earlier one when it is given. */
function randomOf(t: TestContext): Random {
  const seed = Number(process.env.NET_EXPORTER_FUZZ_SEED ?? randomInt(2 ** 32));
  t.diagnostic(`NET_EXPORTER_FUZZ_SEED=${seed}`);
  return new Random(seed);
}

/** Settings by which an agent dials a port of loopback and does nothing else. */
function onlyDials(port: number): Settings {
  const network = { peersPerAgent: 0, services: [`127.0.0.1:${port}`], intervalMs: 1000, timeoutMs: 1000 };
  return settingsWith({ dns: { enabled: false }, network });
}

/** The series that counts them. */
function dials(port: number): string {
  return `network_latency_seconds_count{host="127.0.0.1:${port}",peer_node="",peer_zone="",protocol="TCP"}`;
}

/**
 * Runs `body` and asserts that the agent goes on: it serves, probes, has given back what it took, and blames itself for
 * nothing.
 */
async function assertUnharmed(agent: AgentProcess, count: string, body: () => Promise<void>): Promise<void> {
  const before = await agent.metricsThat((series) => series.get(count)! >= 2);
  const lines = agent.log.length;
  await body();
  assert.equal(await agent.get('/healthz').then(({ status }) => status), 200);
  const now = await agent.series();
  const after = await agent.metricsThat(
    (series) =>
      series.get(count)! >= now.get(count)! + 2 &&
      series.get('process_open_fds')! <= before.get('process_open_fds')! + 10 &&
      series.get('process_resident_memory_bytes')! <= before.get('process_resident_memory_bytes')! + growthBytes,
  );
  for (const name of ownFaults) assert.equal(after.get(name), 0, name);
  assert.equal(after.get('process_start_time_seconds'), before.get('process_start_time_seconds'));
  assert.equal(agent.stderr, '');
  assert.ok(agent.log.length - lines < 100, `${agent.log.length - lines} lines in the log`);
}

function octets(random: Random, most: number, least = 0): Buffer {
  return Buffer.from(Array.from({ length: random.integer(least, most) }, () => random.integer(0, 255)));
}

/** The message with some of its octets changed, taken away or added. */
function mutated(random: Random, message: Buffer): Buffer {
  let changed = Buffer.from(message);
  for (let changes = random.integer(1, 6); changes > 0 && changed.length > 0; changes--) {
    const at = random.integer(0, changed.length - 1);
    const [head, tail] = [changed.subarray(0, at), changed.subarray(at)];
    switch (random.integer(0, 3)) {
      case 0:
        changed[at] = random.integer(0, 255);
        break;
      case 1:
        changed = Buffer.concat([head, octets(random, 8), tail]);
        break;
      case 2:
        changed = Buffer.from(Buffer.concat([head, tail.subarray(random.integer(0, 8))]));
        break;
      case 3:
        changed[at] = random.pick([0, 0x0a, 0x0d, 0x20, 0x3a, 0x7f, 0xc0, 0xff]);
    }
  }
  return changed;
}

const requests: readonly string[] = [
  'GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n',
  'GET /-/ready HTTP/1.0\r\n\r\n',
  'HEAD /blackbox HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nabcd\r\n0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
  'GET http://a/metrics HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\n',
  'GET /%00%ff/../.. HTTP/9.9\r\n\r\n',
];

/** What one connection sends. */
function conversation(random: Random): Buffer {
  const request = Buffer.from(random.pick(requests), 'latin1');
  switch (random.integer(0, 5)) {
    case 0:
      return octets(random, 2000);
    case 1:
      return request;
    case 2:
      return Buffer.from(`GET /${'a'.repeat(random.integer(1, 100_000))} HTTP/1.1\r\nHost: a\r\n\r\n`);
    case 3:
      return Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${'X-A: b\r\n'.repeat(random.integer(1, 20_000))}\r\n`);
    case 4:
      return Buffer.concat(Array.from({ length: random.integer(2, 20) }, () => request));
    default:
      return mutated(random, request);
  }
}

/** One connection that sends something in one way or another, and ends in one way or another. */
async function disturb(random: Random, port: number): Promise<void> {
  const socket = connect({ port, host: random.pick(['127.0.0.1', '::1']), allowHalfOpen: random.chance(0.5) });
  const closed = once(socket, 'close').catch(() => {});
  socket.on('error', () => {});
  if (random.chance(0.8)) socket.resume();
  const message = conversation(random);
  const slowly = random.chance(0.2);
  for (const part of slowly ? [message.subarray(0, 3), message.subarray(3, 9), message.subarray(9)] : [message]) {
    if (socket.destroyed) break;
    socket.write(part);
    if (slowly) await delay(20);
  }
  // Node cannot reset a connection that it is about to end.
  const ends = random.chance(0.3);
  if (ends) socket.end();
  await Promise.race([closed, delay(random.integer(0, 100))]);
  if (!ends && random.chance(0.5)) socket.resetAndDestroy();
  else socket.destroy();
  await closed;
}

test('whatever is sent to its HTTP port, an agent serves, probes and gives back what it took', async (t) => {
  const random = randomOf(t);
  using directory = new TemporaryDirectory();
  await using peer = await startListenerProcess();
  const pod = new AgentPod(directory, 53);
  pod.volume.update(encodeSettings(onlyDials(peer.port)));
  const port = await freePort();
  await using agent = pod.start(port);
  await agent.ready();
  const count = dials(peer.port);
  await assertUnharmed(agent, count, async () => {
    const endAt = performance.now() + fuzzMs;
    let connections = 0;
    const disturber = async () => {
      while (performance.now() < endAt && connections < 20_000) {
        connections++;
        await disturb(random, port);
      }
    };
    await Promise.all(Array.from({ length: 40 }, disturber));
    assert.ok(connections > 100, `${connections} connections`);
  });
  // A thousand connections that ask for nothing, or for something without an end, and do not go away by themselves.
  await assertUnharmed(agent, count, async () => {
    const sockets: Socket[] = [];
    try {
      for (let n = 0; n < 1000; n++) {
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
        if (n % 2 === 0) socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\nX-');
        sockets.push(socket);
      }
      await eventually(
        () => sockets.every((socket) => !socket.connecting),
        () => `${sockets.filter((socket) => socket.connecting).length} are not connected`,
      );
      await eventually(
        () =>
          agent.get('/healthz').then(
            ({ status }) => status === 200,
            () => false,
          ),
        () => 'it serves nobody else any more',
      );
    } finally {
      for (const socket of sockets) socket.resetAndDestroy();
    }
  });
});

test('whatever is sent to its UDP port, an agent sends no more octets back than it got, and goes on', async (t) => {
  const random = randomOf(t);
  using directory = new TemporaryDirectory();
  await using peer = await startListenerProcess();
  const pod = new AgentPod(directory, 53);
  pod.volume.update(encodeSettings(onlyDials(peer.port)));
  const port = await freePort();
  await using agent = pod.start(port);
  await agent.ready();
  const socket = createSocket('udp4');
  const got = { octets: 0, datagrams: 0 };
  socket.on('message', (message) => {
    got.octets += message.length;
    got.datagrams++;
  });
  socket.on('error', () => {});
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  try {
    const sent = { octets: 0, datagrams: 0 };
    await assertUnharmed(agent, dials(peer.port), async () => {
      const endAt = performance.now() + fuzzMs;
      while (performance.now() < endAt && sent.datagrams < 50_000) {
        for (let n = 0; n < 20; n++) {
          const datagram = echoOrNonsense(random);
          sent.octets += datagram.length;
          sent.datagrams++;
          socket.send(datagram);
        }
        await delay(1);
      }
    });
    assert.ok(got.datagrams > 0, 'requests that are well formed are answered');
    assert.ok(got.datagrams < sent.datagrams && got.octets < sent.octets, `${JSON.stringify({ sent, got })}`);
  } finally {
    socket.close();
  }
});

function echoOrNonsense(random: Random): Buffer {
  const turn = random.integer(0, 2 ** 32 - 1);
  const request = encodeEchoRequest(
    { sequence: random.integer(0, maxEchoSequence), turn, prober: octets(random, 8, 8) },
    random.pick([minEchoBytes, 64, maxEchoBytes]),
  );
  if (random.chance(0.3)) return request;
  return random.chance(0.6) ? mutated(random, request) : octets(random, random.pick([0, 64, 1472, 20_000]));
}

test('whatever DNS servers say, an agent takes it for an answer or a failure and goes on', async (t) => {
  const random = randomOf(t);
  using directory = new TemporaryDirectory();
  await using well = await startZoneServer(new Map([['a.example', ['10.0.0.7']]]));
  await using tcpServer = await startTcpServer((query, socket) => {
    const answers = Array.from({ length: random.integer(1, 4) }, () => framed(nonsense(random, goodAnswer(query))));
    socket.write(random.chance(0.3) ? mutated(random, Buffer.concat(answers)) : Buffer.concat(answers));
    if (random.chance(0.3)) socket.end();
    else if (random.chance(0.4)) socket.resetAndDestroy();
  });
  await using udpServer = await startUdpServer(
    (query, send) => {
      for (let answers = random.integer(1, 4); answers > 0; answers--) send(nonsense(random, goodAnswer(query)));
    },
    tcpServer.host,
    tcpServer.port,
  );
  const pod = new AgentPod(directory, well.port);
  const server = `127.0.0.1:${udpServer.port}`;
  // As many as an agent may look up per second, of two servers by two protocols.
  const hosts = ['a.example.', ...Array.from({ length: 5 }, (_, n) => `${n}.example.`)];
  pod.volume.update(
    encodeSettings(
      settingsWith({
        dns: { hosts, servers: [server], recordTypes: ['A', 'AAAA'], intervalMs: 500, timeoutMs: 200 },
        network: { enabled: false },
      }),
    ),
  );
  await using agent = pod.start(await freePort());
  await agent.ready();
  const count = `dns_latency_seconds_count{host="a.example.",protocol="UDP",server="127.0.0.1:${well.port}",type="A"}`;
  await assertUnharmed(agent, count, () => delay(fuzzMs));
  const series = await agent.series();
  const errors = [...series].filter(([name]) => name.startsWith('dns_resolve_error_total') && name.includes(server));
  const failures = [...series].filter(([name]) => name.startsWith('dns_failures_total') && name.includes(server));
  const sum = (samples: [string, number][]) => samples.reduce((total, [, value]) => total + value, 0);
  assert.ok(sum(errors) > 100, `${sum(errors)} errors`);
  assert.equal(sum(failures), sum(errors), 'each of a reason that is known');
  assert.equal(failures.length, 2 * 9, 'no reason beside those that exist from the start');
});

function nonsense(random: Random, answer: Buffer): Buffer {
  if (random.chance(0.7)) return mutated(random, answer);
  if (random.chance(0.5)) return Buffer.concat([answer.subarray(0, random.integer(0, 12)), octets(random, 600)]);
  return octets(random, random.pick([20, 512, 9000]));
}
