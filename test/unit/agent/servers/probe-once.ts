import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { openKernel } from '../../../../src/agent/kernel/linux-kernel.ts';
import { dnsProbe } from '../../../../src/agent/probes/dns/dns-probe.ts';
import type { ProbeResult } from '../../../../src/agent/probes/probe.ts';
import { tcpProbe } from '../../../../src/agent/probes/tcp/tcp-probe.ts';
import { UdpSockets } from '../../../../src/agent/probes/udp-sockets.ts';
import { goodAnswer, startUdpServer } from './dns-server.ts';

// A program of its own, for flags that only a new process can have: each probe once, and what came of it on standard
// output.
const kernel = openKernel();
const udpSockets = kernel && new UdpSockets(kernel);
const context = { timeoutMs: 10_000, signal: new AbortController().signal, kernel, udpSockets };
const listener = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
await once(listener, 'listening');
const peer = { host: '127.0.0.1', port: (listener.address() as AddressInfo).port };
await using server = await startUdpServer((query, send) => send(goodAnswer(query)));
const resolver = { search: [], ndots: 1 };
const lookup = { name: 'a.', server, protocol: 'UDP', type: 'A', resolver } as const;

const shown = ({ latencies, failures, timing }: ProbeResult) => ({ attempts: latencies.length, failures, timing });
const tcp = shown(await tcpProbe(peer, context));
const udp = shown(await dnsProbe(lookup, context));
console.log(JSON.stringify({ tcp, udp }));
listener.close();
context.kernel?.close();
