import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { formatHostPort } from '../../../src/base/host-port.ts';
import { encodeSettings } from '../../../src/protocol/settings.ts';
import { AgentPod, freePort } from './agent-process.ts';
import { eventually } from './eventually.ts';
import { movedSeries, movesAlways } from './moved-series.ts';
import { startListenerProcess } from './servers/listener-process.ts';
import { NetworkNamespace } from './servers/network-namespace.ts';
import { startZoneServer } from './servers/zone-server.ts';
import { settingsWith } from './settings-builder.ts';
import { TemporaryDirectory } from './temporary-directory.ts';
import { undisturbed } from './undisturbed.ts';

/** A namespace has no DNS server: what its filter does with port 53 is all that the agent sees of it. */
const dnsPort = 53;
/** How many errors of each faulty target are waited for until it is looked at what moved. */
const errors = 2;
/**
 * Time enough for one SYN to be sent again, after a second, and for no second one; and a turn that begins as late as
 * one may, a second, is over when the next one comes.
 */
const times = { intervalMs: 3000, timeoutMs: 1500 };

test('each fault of the network moves the errors of its target and its reason, and nothing else', async () => {
  using directory = new TemporaryDirectory();
  await using far = await NetworkNamespace.create();
  await using resetting = await NetworkNamespace.create();
  const port = await freePort();
  await using inFar = await startListenerProcess({ inside: (command) => far.inside(command), port });
  await using inResetting = await startListenerProcess({ inside: (command) => resetting.inside(command), port });
  await using well = await startListenerProcess({ host: '127.0.0.21', port });
  await using full = await startListenerProcess({ host: '127.0.0.22', port });
  const leaving = createServer((socket) => socket.on('error', () => {})).listen(port, '127.0.0.23');
  await once(leaving, 'listening');
  for (const listener of [inFar, inResetting, well, full]) assert.equal(listener.port, port);

  const peers = {
    well: '127.0.0.21',
    wellByIpv6: resetting.address6,
    full: '127.0.0.22',
    gone: '127.0.0.23',
    blackHole: far.address4,
    unreachable: far.address6,
    resets: resetting.address4,
  };
  await using dns = await startZoneServer(
    new Map([
      ['default-agent-peers.monitoring.svc.cluster.local', Object.values(peers)],
      ['a.example', ['10.0.0.7']],
    ]),
  );
  const pod = new AgentPod(directory, dns.port);
  const ending = await startZoneServer(new Map([['a.example', ['10.0.0.7']]]));
  const servers = {
    blackHole: formatHostPort(far.address4, dnsPort),
    unreachable: formatHostPort(far.address6, dnsPort),
    ended: `127.0.0.1:${ending.port}`,
  };
  pod.volume.update(
    encodeSettings(
      settingsWith({
        dns: { hosts: ['a.example.'], servers: Object.values(servers), ...times },
        network: { peerPort: port, services: [], ...times },
      }),
    ),
  );
  await using agent = pod.start(await freePort());
  await agent.ready();
  const network = (metric: string, peer: string) =>
    `${metric}{host="${formatHostPort(peer, port)}",peer_node="",peer_zone="",protocol="TCP"}`;
  const lookup = (metric: string, server: string, protocol: string) =>
    `${metric}{host="a.example.",protocol="${protocol}",server="${server}",type="A"}`;

  // A new peer that does not answer yet is excused, and so is a DNS server: each answers first. Those in the other
  // namespace cannot, and are excused for 15 s.
  await agent.metricsThat(
    (series) =>
      Object.values(peers).every((peer) => series.get(network('network_latency_seconds_count', peer))! >= 1) &&
      ['UDP', 'TCP'].every(
        (protocol) => series.get(lookup('dns_latency_seconds_count', servers.ended, protocol))! >= 1,
      ),
  );
  await ending[Symbol.asyncDispose]();
  await far.filter([
    `ip daddr ${far.address4} drop`,
    // Neighbour discovery is ICMPv6, too.
    `ip6 daddr ${far.address6} meta l4proto { tcp, udp } reject with icmpx type host-unreachable`,
  ]);
  // By the kernel and at once: what a process does about a connection may come later than the probe looks.
  await resetting.filter([
    `ip daddr ${resetting.address4} tcp dport ${port} tcp flags & (syn|ack) == ack reject with tcp reset`,
  ]);
  leaving.close();
  full.stop();
  const filling = await fill('127.0.0.22', port);
  try {
    const targets: { errors: string; reason: string; retransmits?: { name: string; each: number | undefined } }[] = [
      ...(['full', 'blackHole', 'gone', 'unreachable', 'resets'] as const).map((name) => ({
        errors: network('network_dial_error_total', peers[name]),
        reason: `network_failures_total{protocol="TCP",reason="${
          { full: 'timeout', blackHole: 'timeout', gone: 'refused', unreachable: 'unreachable', resets: 'reset' }[name]
        }"}`,
        retransmits: {
          name: network('network_retransmits_total', peers[name]),
          // How many SYNs it takes until an ICMP error is heard is not said (see the tests of the probe).
          each: { full: 1, blackHole: 1, gone: 0, unreachable: undefined, resets: 0 }[name],
        },
      })),
      ...(['blackHole', 'unreachable', 'ended'] as const).flatMap((name) =>
        ['UDP', 'TCP'].map((protocol) => ({
          errors: lookup('dns_resolve_error_total', servers[name], protocol),
          reason: `dns_failures_total{protocol="${protocol}",reason="${
            { blackHole: 'timeout', unreachable: 'unreachable', ended: 'refused' }[name]
          }",server="${servers[name]}"}`,
        })),
      ),
    ];
    const [before, after] = await undisturbed(times.timeoutMs / 2, async () => {
      const before = await agent.metricsThat((series) => targets.every(({ errors: name }) => series.get(name)! >= 1));
      const after = await agent.metricsThat((series) =>
        targets.every(({ errors: name }) => series.get(name)! >= before.get(name)! + errors),
      );
      return [before, after];
    });
    const rise = (name: string) => after.get(name)! - before.get(name)!;
    const expected = new Set<string>();
    const byReason = new Map<string, number>();
    for (const { errors: name, reason, retransmits } of targets) {
      expected.add(name);
      byReason.set(reason, (byReason.get(reason) ?? 0) + rise(name));
      if (retransmits === undefined || retransmits.each === 0) continue;
      expected.add(retransmits.name);
      if (retransmits.each !== undefined)
        assert.equal(rise(retransmits.name), rise(name) * retransmits.each, `${retransmits.name}: one for each dial`);
    }
    for (const [reason, count] of byReason) {
      assert.equal(rise(reason), count, `${reason} has risen by the errors of the targets that fail so`);
      expected.add(reason);
    }
    const wellTargets = [
      ...[peers.well, peers.wellByIpv6].map((peer) => network('network_latency_seconds_count', peer)),
      ...['UDP', 'TCP'].map((protocol) => lookup('dns_latency_seconds_count', `127.0.0.1:${dns.port}`, protocol)),
    ];
    for (const count of wellTargets) {
      assert.ok(rise(count) >= 1, `${count} goes on`);
      const labels = [...count.matchAll(/(?:host|server|protocol)="[^"]*"/g)].map(([label]) => label);
      const family = count.slice(0, count.indexOf('_count'));
      for (const name of after.keys())
        if (name.startsWith(`${family}_`) && labels.every((label) => name.includes(label))) expected.add(name);
    }
    assert.deepEqual(
      [...movedSeries(before, after)].filter(([name]) => !expected.has(name) && !movesAlways(name)),
      [],
      'nothing else has moved',
    );
    assert.equal(agent.stderr, '');
  } finally {
    for (const socket of filling) socket.destroy();
  }
});

/** Fills the backlog of a listener that accepts nothing. @returns the connections that do so */
async function fill(host: string, port: number): Promise<Socket[]> {
  const sockets = Array.from({ length: 4 }, () => createConnection({ host, port }).on('error', () => {}));
  await eventually(
    () => sockets.filter((socket) => !socket.connecting).length >= 2,
    () => 'the backlog takes nothing',
  );
  return sockets;
}
