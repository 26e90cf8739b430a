import { createSocket } from 'node:dgram';
import packet, { type Answer } from 'dns-packet';
import type { FailureReason } from '../../../../src/contract/failure-reason.ts';
import {
  addressRecord,
  answer,
  type DnsServer,
  framed,
  goodAnswer,
  type ReceivedQuery,
  startTcpServer,
  startUdpServer,
  type TcpBehaviour,
  type UdpBehaviour,
} from './dns-server.ts';

/** What a server does by one protocol, and why a lookup fails by that: undefined when it must not. */
interface Conduct<Behaviour> {
  does: Behaviour;
  fails: FailureReason | undefined;
}

/** A way in which a DNS server can misbehave, or can behave although it looks as if it did not. */
export interface DnsMisbehaviour {
  UDP: Conduct<UdpBehaviour>;
  TCP: Conduct<TcpBehaviour>;
}

/** The messages that come instead of an answer, by either protocol alike. */
function messages(fails: FailureReason | undefined, reply: (query: ReceivedQuery) => Buffer[]): DnsMisbehaviour {
  return {
    UDP: { fails, does: (query, send) => reply(query).forEach((message) => void send(message)) },
    TCP: { fails, does: (query, socket) => socket.write(Buffer.concat(reply(query).map(framed))) },
  };
}

const goodUdp: Conduct<UdpBehaviour> = { fails: undefined, does: (query, send) => send(goodAnswer(query)) };
const goodTcp: Conduct<TcpBehaviour> = {
  fails: undefined,
  does: (query, socket) => socket.write(framed(goodAnswer(query))),
};

function udpOnly(fails: FailureReason, does: UdpBehaviour): DnsMisbehaviour {
  return { UDP: { fails, does }, TCP: goodTcp };
}

function tcpOnly(fails: FailureReason | undefined, does: TcpBehaviour): DnsMisbehaviour {
  return { UDP: goodUdp, TCP: { fails, does } };
}

const alias = (name: string, data: string): Answer => ({ name, type: 'CNAME', data, ttl: 5, class: 'IN' });

/** A good answer with one of its octets, counted from the end, or its record count, set to another value. */
function withOctet(message: Buffer, fromEnd: number, value: number): Buffer {
  const changed = Buffer.from(message);
  changed[changed.length - fromEnd] = value;
  return changed;
}

/** Longer than any timeout of a test that uses these, in milliseconds. */
const lateMs = 1800;

/** RCODEs 1 to 15 (RFC 1035 §4.1.1 and IANA's registry), those of a label of their own and all others. */
const rcodes = Object.fromEntries(
  Array.from({ length: 15 }, (_, n): [string, DnsMisbehaviour] => {
    const rcode = n + 1;
    const fails = rcode === 2 ? 'servfail' : rcode === 3 ? 'nxdomain' : 'rcode';
    return [`rcode-${rcode}`, messages(fails, (query) => [answer(query, { rcode })])];
  }),
);

/** By a name that says what it is. */
export const dnsMisbehaviours: Readonly<Record<string, DnsMisbehaviour>> = {
  good: { UDP: goodUdp, TCP: goodTcp },
  'alias-chain': messages(undefined, (query) => [
    answer(query, {
      answers: [
        alias('b.example', 'c.example'),
        alias(query.name, 'b.example'),
        addressRecord('c.example', query.type),
      ],
    }),
  ]),
  'only-ipv4': messages(undefined, (query) => [query.type === 'A' ? goodAnswer(query) : answer(query)]),
  'forged-ones-first': messages(undefined, (query) => [
    Buffer.from('nonsense'),
    answer(query, { rcode: 3, id: query.packet.id! ^ 1 }),
    answer(query, { rcode: 3, name: 'other.example' }),
    goodAnswer(query),
  ]),
  ...rcodes,
  'formerr-without-question': messages('rcode', (query) => [answer(query, { rcode: 1, questions: [] })]),
  truncated: messages('truncated', (query) => [answer(query, { flags: packet.TRUNCATED_RESPONSE })]),
  'no-data': messages('nodata', (query) => [answer(query)]),
  'alias-to-nowhere': messages('nodata', (query) => [answer(query, { answers: [alias(query.name, 'b.example')] })]),
  'alias-loop': messages('nodata', (query) => [
    answer(query, { answers: [alias(query.name, 'b.example'), alias('b.example', query.name)] }),
  ]),
  'address-of-another': messages('nodata', (query) => [
    answer(query, { answers: [addressRecord('other.example', query.type)] }),
  ]),
  'another-id': messages('malformed', (query) => [goodAnswer(query, { id: query.packet.id! ^ 1 })]),
  'another-name': messages('malformed', (query) => [goodAnswer(query, { name: 'other.example' })]),
  'another-type': messages('malformed', (query) => [goodAnswer(query, { type: 'MX' })]),
  'another-class': messages('malformed', (query) => [goodAnswer(query, { class: 'CH' })]),
  'another-opcode': messages('malformed', (query) => [goodAnswer(query, { flags: 2 << 11 })]),
  'query-sent-back': messages('malformed', (query) => [query.message]),
  'records-cut-off': messages('malformed', (query) => [goodAnswer(query).subarray(0, -3)]),
  // The length of the record's data, which takes the last 4 or 16 octets, says more than there is.
  'record-too-long': messages('malformed', (query) => [
    withOctet(goodAnswer(query), query.type === 'AAAA' ? 17 : 5, 200),
  ]),
  nonsense: messages('malformed', () => [Buffer.from('nonsense')]),
  'empty-message': messages('malformed', () => [Buffer.alloc(0)]),
  silence: messages('timeout', () => []),
  late: {
    UDP: { fails: 'timeout', does: (query, send) => void setTimeout(() => send(goodAnswer(query)), lateMs) },
    TCP: {
      fails: 'timeout',
      does: (query, socket) => void setTimeout(() => socket.write(framed(goodAnswer(query))), lateMs),
    },
  },
  'from-another-port': udpOnly('timeout', (query, _, client) => {
    const stranger = createSocket('udp4');
    stranger.send(goodAnswer(query), client.port, client.address, () => stranger.close());
  }),
  'octet-by-octet': tcpOnly(undefined, (query, socket) => {
    socket.setNoDelay();
    const octets = [...framed(goodAnswer(query))];
    const next = () => {
      const octet = octets.shift();
      if (octet !== undefined) socket.write(Buffer.of(octet), () => setImmediate(next));
    };
    next();
  }),
  'answers-and-resets': tcpOnly(undefined, (query, socket) =>
    socket.write(framed(goodAnswer(query)), () => socket.resetAndDestroy()),
  ),
  resets: tcpOnly('refused', (_, socket) => socket.resetAndDestroy()),
  closes: tcpOnly('malformed', (_, socket) => socket.end()),
  'closes-in-the-middle': tcpOnly('malformed', (query, socket) =>
    socket.end(framed(goodAnswer(query)).subarray(0, -3)),
  ),
  'stops-in-the-middle': tcpOnly('timeout', (query, socket) => socket.write(framed(goodAnswer(query)).subarray(0, -3))),
  'pours-without-end': tcpOnly('malformed', (_, socket) => pour(socket)),
};

/** A DNS server at one port by both protocols that does to each name what the name's first label says. */
export async function startMisbehavingServer(): Promise<Pick<DnsServer, 'port'> & AsyncDisposable> {
  const of = ({ name }: ReceivedQuery) => dnsMisbehaviours[name.split('.')[0]!]!;
  const tcp = await startTcpServer((query, socket) => of(query).TCP.does(query, socket));
  const udp = await startUdpServer(
    (query, send, client) => of(query).UDP.does(query, send, client),
    tcp.host,
    tcp.port,
  );
  return {
    port: tcp.port,
    async [Symbol.asyncDispose]() {
      await udp[Symbol.asyncDispose]();
      await tcp[Symbol.asyncDispose]();
    },
  };
}

/** Messages of the greatest length, none of them an answer. */
export function pour(socket: {
  write(data: Buffer): boolean;
  once(event: 'drain', listener: () => void): unknown;
}): void {
  const chunk = Buffer.alloc(65_537, 0xff);
  while (socket.write(chunk));
  socket.once('drain', () => pour(socket));
}
