import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { KernelCallError, openKernel } from '../../../../src/agent/kernel/kernel.ts';
import { type Libc, loadLibc } from '../../../../src/agent/kernel/kernel-libc.ts';
import { parseTcpInfo } from '../../../../src/agent/kernel/kernel-tcp-info.ts';
import { measuredHandshake } from '../../../../src/agent/probes/tcp-dial.ts';
import { openDescriptors } from '../servers/probe-context.ts';

const run = promisify(execFile);
const libc = loadLibc()!;

/** The C library with calls replaced, and all else as it is. */
function libcWith(replaced: Partial<Libc>): Libc {
  return { ...libc, ...replaced };
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

  const failing: [string, Partial<Libc>][] = [
    ['sockets', { socket: () => -1 }],
    ['TCP_INFO', { getsockopt: () => -1 }],
    ['ICMP errors', { setsockopt: () => -1 }],
    ['receive times', { ioctl: () => -1, errorName: () => 'ENOTTY' }],
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
    const socket: Libc['socket'] = (...call) => (++calls > 2 ? -1 : libc.socket(...call));
    const kernel = openKernel(() => libcWith({ socket, errorName: () => (calls > 2 ? 'EMFILE' : libc.errorName()) }))!;
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
    view.setUint32(52, 7, littleEndian);
    view.setUint32(56, 4, littleEndian);
    view.setUint32(68, 61, littleEndian);
    view.setUint32(100, 3, littleEndian);
    assert.deepEqual(parseTcpInfo(bytes, 104), {
      rttSeconds: 61e-6,
      sinceLastDataSeconds: 0.007,
      sinceLastAckSeconds: 0.004,
      totalRetransmits: 3,
    });
  });

  it('reads nothing when the kernel wrote less', () => {
    for (const length of [0, 92, 103]) assert.equal(parseTcpInfo(new Uint8Array(104), length), undefined);
  });
});

describe('measuredHandshake', () => {
  const info = { rttSeconds: 60e-6, sinceLastDataSeconds: 0, sinceLastAckSeconds: 0, totalRetransmits: 0 };

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

  it('is the time of the clock without a kernel, without TCP_INFO, or where that cannot be', () => {
    using kernel = opened();
    const byClock = { seconds: 0.001, timing: 'clock', retransmits: 0 };
    assert.deepEqual(measuredHandshake(undefined, 0.001, undefined), byClock);
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

function opened() {
  const kernel = openKernel()!;
  return Object.assign(kernel, { [Symbol.dispose]: () => kernel.close() });
}
