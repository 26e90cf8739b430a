import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { servfail } from './servfail.ts';

// Answers DNS queries, over UDP and TCP, in place of the server at port 53 of the same network namespace, until its
// standard input ends: `PORT servfail`, or `PORT slow MILLISECONDS`, which asks that server after so long.

const [port, behaviour, milliseconds = '0'] = process.argv.slice(2);
const upstream = { port: 53, host: '127.0.0.1' };
const delay = Number(milliseconds);

const udp = createSocket('udp6');
udp.on('message', (query, client) => {
  const reply = (answer: Uint8Array) => udp.send(answer, client.port, client.address);
  if (behaviour === 'servfail') reply(servfail(query));
  else void askLater(query, reply);
});

const tcp = createServer((socket) => {
  socket.on('error', () => {});
  if (behaviour === 'servfail')
    socket.on('data', (framed: Buffer) => {
      const answer = servfail(framed.subarray(2));
      socket.write(Buffer.concat([framed.subarray(0, 2), answer]));
    });
  else void proxyLater(socket);
});

async function askLater(query: Uint8Array, reply: (answer: Uint8Array) => void): Promise<void> {
  await sleep(delay);
  const socket = createSocket('udp4');
  const close = setTimeout(() => socket.close(), 5000);
  socket.on('error', () => {});
  socket.once('message', (answer) => {
    clearTimeout(close);
    socket.close();
    reply(answer);
  });
  socket.send(query, upstream.port, upstream.host);
}

async function proxyLater(socket: ReturnType<typeof connect>): Promise<void> {
  await sleep(delay);
  const other = connect(upstream);
  other.on('error', () => socket.destroy());
  socket.on('close', () => other.destroy());
  socket.pipe(other).pipe(socket);
}

udp.bind(Number(port), '::');
tcp.listen(Number(port), '::');
await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
console.log('listening');
process.stdin.resume().on('end', () => process.exit(0));
