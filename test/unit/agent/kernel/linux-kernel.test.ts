import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { KernelCallError } from '../../../../src/agent/kernel/kernel.ts';
import { type Libc, loadLibc } from '../../../../src/agent/kernel/kernel-libc.ts';
import { parseTcpInfo } from '../../../../src/agent/kernel/kernel-tcp-info.ts';
import { openKernel } from '../../../../src/agent/kernel/linux-kernel.ts';
import { measuredHandshake } from '../../../../src/agent/probes/tcp-dial.ts';
import { eventually } from '../eventually.ts';
import { NetworkNamespace } from '../servers/network-namespace.ts';
import { openDescriptors } from '../servers/probe-context.ts';

const run = promisify(execFile);
const libc = loadLibc()!;

/** The C library with calls replaced, and all else as it is. */
function libcWith(replaced: Partial<Libc>): Libc {
  return { ...libc, ...replaced };
}

/** Sends back what comes. */
async function startPeer(host: string) {
  const family = host === '::1' ? 6 : 4;
  const socket = createSocket(`udp${family}`);
  let closed = false;
  socket.on('message', (message, { port, address }) => closed || socket.send(message, port, address));
  socket.bind(0, host);
  await once(socket, 'listening');
  return {
    family,
    port: socket.address().port,
    [Symbol.dispose]() {
      closed = true;
      socket.close();
    },
  } as const;
}

describe('openKernel', () => {
  it('opens on Linux with the GNU C library, and keeps one socket for as long as it is open', () => {
    const descriptors = openDescriptors();
    const kernel = openKernel();
    assert.ok(kernel);
    assert.equal(openDescriptors(), descriptors + 1);
    kernel.close();
    kernel.close();
    assert.equal(openDescriptors(), descriptors);
  });

  it('does without a C library of that name, as on musl', () => {
    const missing = loadLibc('libc.so.no-such-version');
    assert.equal(missing, undefined);
    assert.equal(
      openKernel(() => missing),
      undefined,
    );
  });

  const withoutReceiveTime: Libc['recvmsg'] = (fd, message, flags) => {
    const length = libc.recvmsg(fd, message, flags);
    // The length of the control messages.
    if (flags === 0) message[5] = 0n;
    return length;
  };
  const failing: [string, Partial<Libc>][] = [
    ['sockets', { socket: () => -1 }],
    ['TCP_INFO', { getsockopt: () => -1 }],
    ['ICMP errors', { setsockopt: () => -1 }],
    ['times of sending', { setsockopt: (...call) => (call[2] === 37 ? -1 : libc.setsockopt(...call)) }],
    ['receive times', { ioctl: () => -1, errorName: () => 'ENOTTY' }],
    ['datagrams', { recvmsg: () => -1 }],
    ['times of sending that come', { recvmsg: (...call) => (call[2] === 0x2000 ? -1 : libc.recvmsg(...call)) }],
    ['receive times that come', { recvmsg: withoutReceiveTime }],
    ['a clock', { clock_gettime: () => -1 }],
    ['sending', { send: () => -1, errorName: () => 'EPERM' }],
  ];
  for (const [what, replaced] of failing)
    it(`does without when the kernel gives no ${what}, and leaks nothing`, () => {
      const descriptors = openDescriptors();
      assert.equal(
        openKernel(() => libcWith(replaced)),
        undefined,
      );
      assert.equal(openDescriptors(), descriptors);
    });

  it('does without when TCP_INFO is shorter than what is read of it', () => {
    const getsockopt: Libc['getsockopt'] = (...call) => {
      const status = libc.getsockopt(...call);
      call[4][0] = 100;
      return status;
    };
    assert.equal(
      openKernel(() => libcWith({ getsockopt })),
      undefined,
    );
  });
});

describe('Kernel', () => {
  it('names the call and the error that failed', () => {
    using kernel = opened();
    const send = () => kernel.send(-1, Buffer.of(1));
    assert.throws(
      send,
      (error) => error instanceof KernelCallError && error.code === 'EBADF' && error.syscall === 'send',
    );
    assert.equal(kernel.tcpInfo(-1), undefined);
    assert.equal(kernel.receivedAt(-1), undefined);
  });

  it('reports a socket that cannot be had with its errno', () => {
    let calls = 0;
    const socket: Libc['socket'] = (...call) => (++calls > 3 ? -1 : libc.socket(...call));
    const kernel = openKernel(() => libcWith({ socket, errorName: () => (calls > 3 ? 'EMFILE' : libc.errorName()) }))!;
    try {
      assert.throws(() => kernel.openUdpSocket(4), { code: 'EMFILE', syscall: 'socket' });
    } finally {
      kernel.close();
    }
  });

  for (const [family, host] of [
    [4, '127.0.0.1'],
    [6, '::1'],
  ] as const)
    it(`stamps datagrams of IPv${family} between sending and reading`, async () => {
      using kernel = opened();
      const fd = kernel.openUdpSocket(family);
      const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
      socket.bind({ fd, exclusive: true });
      const peer = createSocket(family === 6 ? 'udp6' : 'udp4');
      peer.on('message', (message, { port, address }) => peer.send(message, port, address));
      peer.bind(0, host);
      await once(peer, 'listening');
      socket.connect(peer.address().port, host);
      await once(socket, 'connect');
      try {
        const begun = BigInt(Date.now()) * 1_000_000n;
        const sentAt = kernel.send(fd, Buffer.from('echo'));
        const [message] = await once(socket, 'message');
        const receivedAt = kernel.receivedAt(fd)!;
        const ended = BigInt(Date.now() + 1) * 1_000_000n;
        assert.equal(String(message), 'echo');
        assert.ok(
          begun <= sentAt && sentAt < receivedAt && receivedAt <= ended,
          `${begun} ${sentAt} ${receivedAt} ${ended}`,
        );
      } finally {
        socket.close();
        peer.close();
      }
    });

  for (const host of ['127.0.0.1', '::1'])
    it(`binds a socket that stamps what comes, and answers from it to ${host}`, async () => {
      using kernel = opened();
      const fd = kernel.openBoundUdpSocket(host, 0);
      const socket = createSocket(host === '::1' ? 'udp6' : 'udp4');
      socket.bind({ fd, exclusive: true });
      const client = createSocket(host === '::1' ? 'udp6' : 'udp4');
      try {
        client.connect(socket.address().port, host);
        await once(client, 'connect');
        const before = kernel.now();
        client.send('ask');
        const [, { address, port }] = await once(socket, 'message');
        const stamp = kernel.receivedAt(fd)!;
        assert.ok(before < stamp && stamp < kernel.now());
        assert.equal(kernel.sendTo(fd, Buffer.from('answer'), kernel.socketAddress(address, port)!), true);
        const [message, from] = await once(client, 'message');
        assert.deepEqual([String(message), from.address, from.port], ['answer', host, socket.address().port]);
      } finally {
        client.close();
        socket.close();
      }
    });

  it('names the error of an address that cannot be bound, and leaks nothing', async () => {
    using kernel = opened();
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const descriptors = openDescriptors();
    const bind = (address: string, port: number) => () => kernel.openBoundUdpSocket(address, port);
    assert.throws(bind('127.0.0.1', taken.address().port), { code: 'EADDRINUSE', syscall: 'bind' });
    assert.throws(bind('192.0.2.1', 0), { code: 'EADDRNOTAVAIL', syscall: 'bind' });
    assert.throws(bind('localhost', 0), { code: 'EINVAL', syscall: 'inet_pton' });
    assert.equal(openDescriptors(), descriptors);
    taken.close();
  });

  it('encodes addresses of both families', () => {
    using kernel = opened();
    const inet6 = (address: string) => Buffer.from(kernel.socketAddress(address, 8000)!.subarray(2)).toString('hex');
    assert.deepEqual(
      [...kernel.socketAddress('10.1.2.3', 8000)!.subarray(2)],
      [31, 64, 10, 1, 2, 3, ...Array(8).fill(0)],
    );
    assert.equal(inet6('fd00::7'), '1f4000000000fd00000000000000000000000000000700000000');
    assert.equal(inet6('::ffff:10.1.2.3'), '1f400000000000000000000000000000ffff0a01020300000000');
    // Loopback is the first interface of every network namespace.
    for (const zone of ['lo', '1']) assert.equal(inet6(`fe80::1%${zone}`).slice(-8), '01000000');
    assert.throws(() => kernel.socketAddress('a.example', 1), { code: 'EINVAL' });
  });

  for (const host of ['127.0.0.1', '::1'])
    it(`connects a socket again, with another port and nothing of what it heard before (${host})`, async () => {
      using kernel = opened();
      const fd = kernel.openUdpSocket(host === '::1' ? 6 : 4);
      const socket = createSocket(host === '::1' ? 'udp6' : 'udp4');
      socket.bind({ fd, exclusive: true });
      const peers = ([0, 1] as const).map(() => createSocket(host === '::1' ? 'udp6' : 'udp4'));
      const heard: string[] = [];
      socket.on('message', (message) => heard.push(String(message)));
      try {
        const ports = new Set<number>();
        for (const [index, peer] of [...peers, ...peers].entries()) {
          if (index < 2) {
            peer.bind(0, host);
            await once(peer, 'listening');
          }
          kernel.connect(fd, kernel.socketAddress(host, peer.address().port));
          const { port } = socket.address();
          ports.add(port);
          const asked = once(peer, 'message');
          kernel.send(fd, Buffer.from('ask'));
          await asked;
          const answers = [`kept ${index}`, `dropped ${index}`];
          const received = once(socket, 'message');
          peer.send(answers[0]!, port, host);
          await received;
          await new Promise((sent) => peer.send(answers[1]!, port, host, sent));
          assert.equal(kernel.disconnect(fd), true);
          await new Promise((sent) => peer.send('late', port, host, sent));
        }
        assert.ok(ports.size >= 3, `${[...ports]}`);
        assert.deepEqual(heard, ['kept 0', 'kept 1', 'kept 2', 'kept 3']);
      } finally {
        for (const peer of peers) peer.close();
        socket.close();
      }
    });

  for (const host of ['127.0.0.1', '::1'])
    it(`stamps what it sends and what it reads without Node, one after the other (${host})`, async () => {
      using kernel = opened();
      using peer = await startPeer(host);
      const fd = kernel.openStampedUdpSocket(peer.family);
      for (let turn = 0; turn < 3; turn++) {
        kernel.connect(fd, kernel.socketAddress(host, peer.port));
        assert.equal(kernel.receive(fd), undefined);
        const sentAt = kernel.send(fd, Buffer.from(`echo ${turn}`));
        const { message, receivedAt } = await eventually(
          () => kernel.receive(fd),
          () => 'no answer',
        );
        assert.equal(String(message), `echo ${turn}`);
        const transmittedAt = kernel.transmittedAt(fd)!;
        assert.ok(sentAt <= transmittedAt, `${sentAt} ${transmittedAt}`);
        assert.ok(transmittedAt < receivedAt! && receivedAt! < kernel.now(), `${transmittedAt} ${receivedAt}`);
        assert.equal(kernel.transmittedAt(fd), undefined);
        // Its time is not read: the next turn must not find it.
        kernel.send(fd, Buffer.from('left'));
        assert.equal(kernel.disconnect(fd), true);
      }
      kernel.closeSocket(fd);
    });

  for (const host of ['127.0.0.1', '::1'])
    it(`does not take the time of an earlier datagram for that of the last one (${host})`, async () => {
      using kernel = opened();
      using peer = await startPeer(host);
      const fd = kernel.openStampedUdpSocket(peer.family);
      kernel.connect(fd, kernel.socketAddress(host, peer.port));
      for (let turn = 0; turn < 3; turn++) {
        // Their times come when the next hop is known at last, for example.
        for (let earlier = 0; earlier < turn; earlier++) kernel.send(fd, Buffer.of(1));
        const sentAt = kernel.send(fd, Buffer.of(2));
        const transmittedAt = kernel.transmittedAt(fd)!;
        assert.ok(sentAt <= transmittedAt && transmittedAt < kernel.now(), `${sentAt} ${transmittedAt}`);
        assert.equal(kernel.transmittedAt(fd), undefined);
      }
      kernel.closeSocket(fd);
    });

  it('does not use a socket again whose datagrams it has lost count of', async () => {
    let fails = false;
    const send: Libc['send'] = (...call) => (fails ? -1 : libc.send(...call));
    using kernel = opened(() => libcWith({ send, errorName: () => (fails ? 'ENOBUFS' : libc.errorName()) }));
    using peer = await startPeer('127.0.0.1');
    const fd = kernel.openStampedUdpSocket(4);
    kernel.connect(fd, kernel.socketAddress('127.0.0.1', peer.port));
    fails = true;
    assert.throws(() => kernel.send(fd, Buffer.of(1)), { code: 'ENOBUFS', syscall: 'send' });
    fails = false;
    kernel.send(fd, Buffer.of(1));
    assert.equal(kernel.transmittedAt(fd), undefined);
    assert.equal(kernel.disconnect(fd), false);
    kernel.closeSocket(fd);
    // Another socket gets the number.
    const next = kernel.openStampedUdpSocket(4);
    assert.equal(next, fd);
    kernel.connect(next, kernel.socketAddress('127.0.0.1', peer.port));
    const sentAt = kernel.send(next, Buffer.of(1));
    assert.ok(kernel.transmittedAt(next)! >= sentAt);
    assert.equal(kernel.disconnect(next), true);
    kernel.closeSocket(next);
  });

  it('drops what was received although the time of sending was read', async () => {
    using kernel = opened();
    using peer = await startPeer('127.0.0.1');
    const fd = kernel.openStampedUdpSocket(4);
    kernel.connect(fd, kernel.socketAddress('127.0.0.1', peer.port));
    kernel.send(fd, Buffer.from('not read'));
    // The answer has come when that of another socket, which was asked later, has.
    const later = kernel.openStampedUdpSocket(4);
    kernel.connect(later, kernel.socketAddress('127.0.0.1', peer.port));
    kernel.send(later, Buffer.from('later'));
    await eventually(
      () => kernel.receive(later),
      () => 'no answer to the other socket',
    );
    assert.notEqual(kernel.transmittedAt(fd), undefined);
    assert.equal(kernel.disconnect(fd, true), true);
    kernel.connect(fd, kernel.socketAddress('127.0.0.1', peer.port));
    assert.equal(kernel.receive(fd), undefined);
    for (const open of [fd, later]) kernel.closeSocket(open);
  });

  it('finds a pending error of a socket whose time of sending was read', async () => {
    using kernel = opened();
    const peer = await startPeer('127.0.0.1');
    const fd = kernel.openStampedUdpSocket(4);
    kernel.connect(fd, kernel.socketAddress('127.0.0.1', peer.port));
    peer[Symbol.dispose]();
    kernel.send(fd, Buffer.of(1));
    assert.notEqual(kernel.transmittedAt(fd), undefined);
    assert.equal(kernel.disconnect(fd, true), false);
    kernel.closeSocket(fd);
  });

  it('cuts off a datagram that is longer than any echo', async () => {
    using kernel = opened();
    using peer = await startPeer('127.0.0.1');
    const fd = kernel.openStampedUdpSocket(4);
    kernel.connect(fd, kernel.socketAddress('127.0.0.1', peer.port));
    kernel.send(fd, Buffer.alloc(4000));
    const { message } = await eventually(
      () => kernel.receive(fd),
      () => 'no answer',
    );
    assert.equal(message.length, 2048);
    kernel.closeSocket(fd);
  });

  it('throws the error that a port without a listener answers with, and knows when it was asked', async () => {
    using kernel = opened();
    for (const host of ['127.0.0.1', '::1']) {
      const peer = await startPeer(host);
      peer[Symbol.dispose]();
      const fd = kernel.openStampedUdpSocket(peer.family);
      kernel.connect(fd, kernel.socketAddress(host, peer.port));
      const sentAt = kernel.send(fd, Buffer.of(1));
      assert.throws(() => kernel.receive(fd), { code: 'ECONNREFUSED', syscall: 'recvmsg' });
      assert.ok(kernel.transmittedAt(fd)! >= sentAt);
      kernel.closeSocket(fd);
    }
  });

  it('connects over TCP, sees a reset, and resets', async () => {
    using kernel = opened();
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket.on('error', () => {})));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const to = kernel.socketAddress('127.0.0.1', (server.address() as AddressInfo).port);
    const refused = kernel.openTcpSocket(4);
    try {
      for (let count = 1; count <= 2; count++) {
        const fd = kernel.openTcpSocket(4);
        await eventually(
          () => kernel.connectTcp(fd, to) && sockets.length === count,
          () => 'not connected',
        );
        assert.equal(kernel.pendingError(fd), undefined);
        const peer = sockets[count - 1]!;
        if (count === 1) {
          kernel.resetConnection(fd);
          await eventually(
            () => (peer.errored as NodeJS.ErrnoException | null)?.code === 'ECONNRESET',
            () => `the peer got ${peer.errored}`,
          );
        } else {
          peer.resetAndDestroy();
          await eventually(
            () => kernel.pendingError(fd) === 'ECONNRESET',
            () => 'no reset',
          );
          kernel.closeSocket(fd);
        }
      }
    } finally {
      server.close();
    }
    await once(server, 'close');
    const connectRefused = () =>
      eventually(
        () => kernel.connectTcp(refused, to),
        () => 'neither connected nor refused',
      );
    await assert.rejects(connectRefused, { code: 'ECONNREFUSED', syscall: 'connect' });
    kernel.closeSocket(refused);
    assert.throws(() => kernel.connectTcp(-1, to), { code: 'EBADF', syscall: 'connect' });
    assert.equal(kernel.pendingError(-1), 'EBADF');
  });

  it('stamps what comes over TCP, to the end of the stream or a reset', async () => {
    using kernel = opened();
    for (const host of ['127.0.0.1', '::1']) {
      const sockets: Socket[] = [];
      const server = createServer((socket) => void sockets.push(socket.on('error', () => {})));
      server.listen(0, host);
      await once(server, 'listening');
      const to = kernel.socketAddress(host, (server.address() as AddressInfo).port);
      for (const end of ['end', 'reset'] as const) {
        const fd = kernel.openStampedTcpSocket(host === '::1' ? 6 : 4);
        await eventually(
          () => kernel.connectTcp(fd, to) && sockets.length > 0,
          () => 'not connected',
        );
        const peer = sockets.shift()!;
        const received = () =>
          eventually(
            () => kernel.receive(fd),
            () => 'nothing received',
          );
        assert.equal(kernel.receive(fd), undefined);
        const sentAt = kernel.send(fd, Buffer.from('query'));
        assert.equal(String((await once(peer, 'data'))[0]), 'query');
        peer.write(Buffer.alloc(3000, 'a'));
        let length = 0;
        while (length < 3000) {
          const { message, receivedAt } = await received();
          length += message.length;
          assert.ok(message.length > 0 && message.length <= 2048 && message[0] === 97);
          assert.ok(sentAt < receivedAt! && receivedAt! < kernel.now(), `${sentAt} ${receivedAt}`);
        }
        if (end === 'end') {
          peer.end();
          assert.equal((await received()).message.length, 0);
        } else {
          peer.resetAndDestroy();
          await assert.rejects(received, { code: 'ECONNRESET', syscall: 'recvmsg' });
        }
        kernel.resetConnection(fd);
      }
      server.close();
    }
  });

  it('shows what waits on a connection as often as it is asked, and leaves it there', async () => {
    using kernel = opened();
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const fd = kernel.openTcpSocket(4);
    const to = kernel.socketAddress('127.0.0.1', (server.address() as AddressInfo).port);
    await eventually(
      () => kernel.connectTcp(fd, to) && accepted.length > 0,
      () => 'not connected',
    );
    assert.equal(kernel.peek(fd), undefined);
    accepted[0]!.write('answer');
    for (let time = 0; time < 2; time++)
      assert.equal(
        await eventually(
          () => kernel.peek(fd)?.toString(),
          () => 'nothing to be seen',
        ),
        'answer',
      );
    assert.equal(kernel.receive(fd)!.message.toString(), 'answer');
    assert.equal(kernel.peek(fd), undefined);
    assert.equal(kernel.peek(-1), undefined);
    kernel.closeSocket(fd);
    server.close();
  });

  it('accepts silent connections late, and at once again when that is switched off', async () => {
    using kernel = opened();
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket.on('error', () => {}).resume()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const { port } = server.address() as AddressInfo;
    const dial = async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      return socket;
    };
    const sees = (count: number) =>
      eventually(
        () => accepted.length === count,
        () => `${accepted.length} accepted`,
      );
    try {
      kernel.deferAccept(fd, 1);
      for (let n = 0; n < 5; n++) (await dial()).resetAndDestroy();
      (await dial()).write('GET');
      await sees(1);
      // Silent ones are accepted after a second.
      const silent = await dial();
      await sees(2);
      assert.equal(accepted[1]!.remotePort, silent.localPort);
      kernel.deferAccept(fd, 0);
      (await dial()).resetAndDestroy();
      await sees(3);
    } finally {
      server.close();
      for (const socket of accepted) socket.destroy();
    }
  });

  it('says that a socket with a pending error cannot be connected again', async () => {
    using kernel = opened();
    const fd = kernel.openUdpSocket(4);
    const free = createSocket('udp4');
    free.bind(0, '127.0.0.1');
    await once(free, 'listening');
    kernel.connect(fd, kernel.socketAddress('127.0.0.1', free.address().port));
    free.close();
    await once(free, 'close');
    kernel.send(fd, Buffer.of(1));
    assert.equal(kernel.disconnect(fd), false);
    kernel.closeSocket(fd);
  });

  it('brings an age up to date right before it sends, and leaves one that has grown too much', async () => {
    using kernel = opened();
    const fd = kernel.openBoundUdpSocket('127.0.0.1', 0);
    const peer = createSocket('udp4');
    peer.bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const to = kernel.socketAddress('127.0.0.1', peer.address().port)!;
    const sent = async (known: number, agoNs: bigint) => {
      const datagram = Buffer.alloc(8);
      datagram.writeUInt32BE(known, 2);
      const received = once(peer, 'message');
      kernel.sendTo(fd, datagram, to, { offset: 2, since: kernel.now() - agoNs });
      const [message] = await received;
      assert.deepEqual([message.readUInt16BE(0), message.readUInt16BE(6)], [0, 0], 'and nothing else');
      return message.readUInt32BE(2);
    };
    try {
      for (const ago of [0, 1_000_000_000, 4_200_000_000]) {
        // A process that is held up in between makes it too old.
        const ages = [];
        for (let n = 0; n < 20; n++) ages.push(await sent(ago, BigInt(ago)));
        assert.ok(ages.every((age) => age >= ago && age <= ago + 1e8) && ages.some((age) => age > ago), `${ages}`);
      }
      assert.equal(await sent(7, 300_000_000n), 7);
      assert.equal(await sent(7, -300_000_000n), 7);
      // As if the process had waited for the processor after the field was written.
      assert.ok((await sent(7, 20_000_000n)) >= 20_000_000);
      assert.equal(await sent(2 ** 32 - 2, 2n ** 32n - 2n), 2 ** 32 - 2, 'none that does not fit');
    } finally {
      peer.close();
      kernel.closeSocket(fd);
    }
  });

  it('does not claim that the next hop was reached when it sends: one with a new MAC address is found again', async () => {
    const withoutData: number[] = [];
    const sendto: Libc['sendto'] = (...call) => {
      const status = libc.sendto(...call);
      if (call[2] === 0) withoutData.push(status);
      return status;
    };
    using kernel = opened(() => libcWith({ sendto }));
    await using namespace = await NetworkNamespace.create();
    const { device } = namespace;
    const gone = '02:00:00:00:00:01';
    for (const [settings, own, address] of [
      ['ipv4', '0.0.0.0', namespace.address4],
      ['ipv6', '::', namespace.address6],
      ['ipv4', '::', `::ffff:${namespace.address4}`],
    ] as const) {
      // So that it does not take long to ask for the address again.
      const quick = [
        ['delay_first_probe_time', 1],
        ['retrans_time_ms', 100],
      ];
      for (const [name, value] of quick)
        await writeFile(`/proc/sys/net/${settings}/neigh/${device}/${name}`, String(value));
      const neighbour = address.replace('::ffff:', '');
      await run('ip', ['neigh', 'replace', neighbour, 'lladdr', gone, 'dev', device, 'nud', 'stale']);
      const fd = kernel.openBoundUdpSocket(own, 0);
      const to = kernel.socketAddress(address, 9);
      await eventually(
        async () => {
          kernel.sendTo(fd, Buffer.alloc(8), to, { offset: 0, since: kernel.now() });
          const { stdout } = await run('ip', ['neigh', 'show', neighbour, 'dev', device]);
          return stdout.includes('lladdr') && !stdout.includes(gone);
        },
        () => `${neighbour} is taken to be at ${gone}`,
        20_000,
      );
      kernel.closeSocket(fd);
    }
    assert.ok(withoutData.length > 0);
    assert.deepEqual(
      withoutData.filter((status) => status !== 0),
      [],
    );
  });

  it('tells that the system refuses a datagram', () => {
    using kernel = opened();
    const fd = kernel.openBoundUdpSocket('127.0.0.1', 0);
    // No route leads out of loopback's own address.
    assert.equal(kernel.sendTo(fd, Buffer.of(1), kernel.socketAddress('192.0.2.1', 9)!), false);
    kernel.closeSocket(fd);
  });

  it('believes what is above zero and not above the time that went by, and counts the rest', () => {
    using kernel = opened();
    assert.deepEqual(
      [1e-9, 0.5, 1].map((seconds) => kernel.believe(seconds, 1)),
      [1e-9, 0.5, 1],
    );
    assert.equal(kernel.refusals, 0);
    assert.deepEqual(
      [0, -0.1, 1.000001, Number.NaN, Number.POSITIVE_INFINITY].map((seconds) => kernel.believe(seconds, 1)),
      Array(5).fill(undefined),
    );
    assert.equal(kernel.refusals, 5);
    assert.equal(kernel.believe(undefined, 1), undefined);
    assert.equal(kernel.refusals, 5);
  });
});

describe('parseTcpInfo', () => {
  it('reads microseconds, milliseconds and counts at their offsets', () => {
    const bytes = new Uint8Array(104);
    const view = new DataView(bytes.buffer);
    const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
    view.setUint32(56, 4, littleEndian);
    view.setUint32(68, 61, littleEndian);
    view.setUint32(100, 3, littleEndian);
    assert.deepEqual(parseTcpInfo(bytes, 104), {
      isEstablished: false,
      rttSeconds: 61e-6,
      sinceLastAckSeconds: 0.004,
      totalRetransmits: 3,
    });
  });

  it('reads nothing when the kernel wrote less', () => {
    for (const length of [0, 92, 103]) assert.equal(parseTcpInfo(new Uint8Array(104), length), undefined);
  });
});

describe('measuredHandshake', () => {
  const info = {
    isEstablished: true,
    rttSeconds: 60e-6,
    sinceLastAckSeconds: 0,
    totalRetransmits: 0,
  };

  it('is the round trip of the kernel', () => {
    using kernel = opened();
    assert.deepEqual(measuredHandshake(info, 0.001, kernel), { seconds: 60e-6, timing: 'kernel', retransmits: 0 });
  });

  it('is all the time until the SYN-ACK came when a SYN was sent again', () => {
    using kernel = opened();
    assert.deepEqual(measuredHandshake({ ...info, totalRetransmits: 2, sinceLastAckSeconds: 0.5 }, 2.5, kernel), {
      seconds: 2,
      timing: 'kernel',
      retransmits: 2,
    });
  });

  it('is the time of the clock without TCP_INFO, or where that cannot be', () => {
    using kernel = opened();
    const byClock = { seconds: 0.001, timing: 'clock', retransmits: 0 };
    assert.deepEqual(measuredHandshake(undefined, 0.001, kernel), byClock);
    assert.deepEqual(measuredHandshake({ ...info, rttSeconds: 0.002 }, 0.001, kernel), byClock);
    assert.deepEqual(measuredHandshake({ ...info, rttSeconds: 0 }, 0.001, kernel), byClock);
  });
});

describe("the kernel's times with the flags of a small heap", () => {
  const smallHeap = ['--max-semi-space-size=1', '--optimize-for-size', '--single-threaded', '--v8-pool-size=0'];
  for (const flags of [[], ['--jitless'], [...smallHeap, '--lite-mode'], [...smallHeap, '--jitless']])
    it(`come to both probes (${flags.join(' ') || 'no flags'})`, async () => {
      // Inside the package, where the FFI's binary is found.
      const directory = await mkdtemp(join(import.meta.dirname, '../../../../node_modules/.kernel-test-'));
      try {
        const outfile = join(directory, 'probe-once.js');
        await build({
          entryPoints: [join(import.meta.dirname, '../servers/probe-once.ts')],
          outfile,
          bundle: true,
          platform: 'node',
          format: 'esm',
          banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
        });
        const { stdout, stderr } = await run(process.execPath, [...flags, outfile]);
        assert.deepEqual(JSON.parse(stdout), {
          tcp: { attempts: 1, failures: [], timing: 'kernel' },
          udp: { attempts: 1, failures: [], timing: 'kernel' },
        });
        assert.equal(stderr, '');
      } finally {
        await rm(directory, { recursive: true });
      }
    });
});

function opened(load?: () => Libc | undefined) {
  const kernel = openKernel(load)!;
  return Object.assign(kernel, { [Symbol.dispose]: () => kernel.close() });
}
