import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import packet, { type Answer, type DecodedPacket } from 'dns-packet';

/**
 * Sends a datagram from the port that was asked, unless the server is closed by then; `sent` is called when it has gone
 * out.
 */
export type SendDatagram = (message: Uint8Array, sent?: () => void) => void;

/** What a server does to a question over UDP. */
export type UdpBehaviour = (query: ReceivedQuery, send: SendDatagram, client: RemoteInfo) => void;

/** What a server does to a question over TCP. */
export type TcpBehaviour = (query: ReceivedQuery, socket: Socket) => void;

/** A question as a server sees it. */
export interface ReceivedQuery {
  message: Buffer;
  packet: DecodedPacket;
  name: string;
  type: string;
}

/** A DNS server on loopback that does as it is told. */
export interface DnsServer extends AsyncDisposable {
  host: string;
  port: number;
  /** What was asked, as `type name`, in order. */
  asked: string[];
  /** The ids and source ports of what was asked. */
  sources: { id: number; port: number }[];
}

/** @param port 0 for any free one */
export async function startUdpServer(behaviour: UdpBehaviour, host = '127.0.0.1', port = 0): Promise<DnsServer> {
  let closed = false;
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const asked: string[] = [];
  const sources: DnsServer['sources'] = [];
  socket.on('message', (message, client) => {
    const query = received(message);
    asked.push(`${query.type} ${query.name}`);
    sources.push({ id: query.packet.id!, port: client.port });
    const send: SendDatagram = (answer, sent) => {
      if (!closed) socket.send(answer, client.port, client.address, sent);
    };
    behaviour(query, send, client);
  });
  socket.bind(port, host);
  await once(socket, 'listening');
  return {
    host,
    port: socket.address().port,
    asked,
    sources,
    async [Symbol.asyncDispose]() {
      closed = true;
      socket.close();
      await once(socket, 'close');
    },
  };
}

export async function startTcpServer(behaviour: TcpBehaviour, host = '127.0.0.1'): Promise<DnsServer> {
  const asked: string[] = [];
  const sources: DnsServer['sources'] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      const query = received((chunk as Buffer).subarray(2));
      asked.push(`${query.type} ${query.name}`);
      sources.push({ id: query.packet.id!, port: socket.remotePort! });
      behaviour(query, socket);
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    host,
    port: (server.address() as AddressInfo).port,
    asked,
    sources,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Deviations from the answer that the question deserves. */
export interface Deviation {
  id?: number;
  name?: string;
  type?: string;
  class?: 'IN' | 'CH';
  rcode?: number;
  flags?: number;
  answers?: Answer[];
  questions?: [];
}

/** An answer to `query`. Without a deviation it carries nothing. */
export function answer({ packet: asked, name, type }: ReceivedQuery, deviation: Deviation = {}): Buffer {
  return packet.encode({
    type: 'response',
    id: deviation.id ?? asked.id!,
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (deviation.flags ?? 0) | (deviation.rcode ?? 0),
    questions: deviation.questions ?? [
      { name: deviation.name ?? name, type: (deviation.type ?? type) as 'A', class: deviation.class ?? 'IN' },
    ],
    answers: deviation.answers ?? [],
  });
}

/** An answer that has an address of the type asked for. */
export function goodAnswer(query: ReceivedQuery, deviation: Deviation = {}): Buffer {
  return answer(query, { answers: [addressRecord(query.name, query.type)], ...deviation });
}

export function addressRecord(name: string, type: string): Answer {
  return { name, type: type as 'A', data: type === 'AAAA' ? 'fd00::7' : '10.0.0.7', ttl: 5, class: 'IN' };
}

/** A message as it goes over TCP, behind its length. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

function received(message: Buffer): ReceivedQuery {
  const decoded = packet.decode(message);
  const { name, type } = decoded.questions![0]!;
  return { message, packet: decoded, name, type };
}
