import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import packet from 'dns-packet';
import { answer, framed, type ReceivedQuery } from './dns-server.ts';

/** RCODEs of RFC 1035 §4.1.1. */
const nameError = 3;

/** What the server says to a name: its addresses, an rcode, or `silence`. A name that is not there does not exist. */
export type Zone = Map<string, string[] | { rcode: number } | 'silence'>;

/**
 * A DNS server on loopback that answers from a zone, by UDP and TCP on one port. The zone may be changed at any time.
 */
export interface ZoneServer extends AsyncDisposable {
  port: number;
  zone: Zone;
  /** What was asked, as `type name`, in order. */
  asked: string[];
}

export async function startZoneServer(zone: Zone, host = '127.0.0.1'): Promise<ZoneServer> {
  const asked: string[] = [];
  const reply = (message: Buffer): Buffer | undefined => {
    const decoded = packet.decode(message);
    const { name, type } = decoded.questions![0]!;
    asked.push(`${type} ${name}`);
    const known = zone.get(name);
    if (known === 'silence') return undefined;
    const query: ReceivedQuery = { message, packet: decoded, name, type };
    if (known === undefined) return answer(query, { rcode: nameError });
    if ('rcode' in known) return answer(query, known);
    const addresses = known.filter((address) => address.includes(':') === (type === 'AAAA'));
    return answer(query, {
      answers: addresses.map((data) => ({ name, type: type as 'A', data, ttl: 5, class: 'IN' })),
    });
  };

  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.on('error', () => {}).on('close', () => connections.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      const message = reply(chunk.subarray(2));
      if (message) socket.write(framed(message));
    });
  });
  tcp.listen(0, host);
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  udp.on('message', (message, client) => {
    const answered = reply(message);
    // Over UDP a client that does not say more takes 512 bytes (RFC 1035 §4.2.1); the rest it must ask for over TCP.
    if (answered) udp.send(answered.length <= 512 ? answered : truncated(answered), client.port, client.address);
  });
  udp.bind(port, host);
  await once(udp, 'listening');
  return {
    port,
    zone,
    asked,
    async [Symbol.asyncDispose]() {
      udp.close();
      for (const socket of connections) socket.destroy();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}

/** The same answer without its records and with the TC bit. */
function truncated(message: Buffer): Buffer {
  const decoded = packet.decode(message);
  return packet.encode({
    type: 'response',
    id: decoded.id!,
    flags: packet.TRUNCATED_RESPONSE | packet.RECURSION_DESIRED,
    questions: decoded.questions!,
    answers: [],
  });
}
