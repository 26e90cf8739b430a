import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../test/cluster/command.ts';
import type { EchoDatagram } from './echoes.ts';
import type { TcpSegment } from './handshakes.ts';
import type { DnsDatagram } from './lookups.ts';

/** The kernel hands packets to the capture in blocks, which may be held back this long; in milliseconds. */
const blockMs = 1500;

/** Headers and a DNS message; what HTTP bodies hold is not needed. */
const snapshotBytes = 400;

/** `tshark` on the eth0 of one pod, in the pod's own network namespace. */
export class PacketCapture {
  readonly #process: ChildProcess;
  readonly #file: string;

  private constructor(process: ChildProcess, file: string) {
    this.#process = process;
    this.#file = file;
  }

  /**
   * Starts a capture and resolves when it runs.
   * @param filter in pcap-filter(7)'s language
   * @param directory an existing folder for the capture file
   * @throws Error with tshark's message when it ends instead
   */
  static async start(netns: string, filter: string, directory: string, name: string): Promise<PacketCapture> {
    const file = join(directory, `${name}.pcapng`);
    const argv = [
      `--net=${netns}`,
      'tshark',
      '-n',
      '-q',
      '-i',
      'eth0',
      '-s',
      `${snapshotBytes}`,
      '-f',
      filter,
      '-w',
      file,
    ];
    const child = spawn('nsenter', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    const said: string[] = [];
    const started = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        if (/Capture started/i.test(line)) resolve();
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error(`tshark ended: ${said.join('; ')}`)));
    });
    try {
      await started;
    } catch (error) {
      child.kill();
      throw error;
    }
    return new PacketCapture(child, file);
  }

  /** Ends the capture; what came until now is in the file. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    await sleep(blockMs);
    const ended = once(this.#process, 'close');
    this.#process.kill('SIGINT');
    await ended;
  }

  /** All TCP segments, in the order of their times. */
  async segments(): Promise<TcpSegment[]> {
    const rows = await this.#fields('tcp', [
      ...['ip.src', 'tcp.srcport', 'ip.dst', 'tcp.dstport'],
      ...['tcp.flags.syn', 'tcp.flags.ack', 'tcp.flags.reset', 'tcp.seq_raw'],
    ]);
    return rows.map(([at, source, sourcePort, destination, destinationPort, syn, ack, reset, sequence]) => ({
      ...addresses(at, source, sourcePort, destination, destinationPort),
      syn: syn === '1',
      ack: ack === '1',
      reset: reset === '1',
      sequence: Number(sequence),
    }));
  }

  /** All DNS messages over UDP, in the order of their times. */
  async datagrams(): Promise<DnsDatagram[]> {
    const rows = await this.#fields('udp && dns && !icmp', [
      ...['ip.src', 'udp.srcport', 'ip.dst', 'udp.dstport'],
      ...['dns.id', 'dns.flags.response', 'dns.qry.name'],
    ]);
    return rows.map(([at, source, sourcePort, destination, destinationPort, id, response, name]) => ({
      ...addresses(at, source, sourcePort, destination, destinationPort),
      id: Number(id),
      response: response === '1',
      name: name ?? '',
    }));
  }

  /** All UDP datagrams to and from a port, in the order of their times. */
  async echoDatagrams(port: number): Promise<EchoDatagram[]> {
    const rows = await this.#fields(`udp.port == ${port} && !icmp`, [
      ...['ip.src', 'udp.srcport', 'ip.dst', 'udp.dstport', 'udp.payload'],
    ]);
    return rows.map(([at, source, sourcePort, destination, destinationPort, payload = '']) => ({
      ...addresses(at, source, sourcePort, destination, destinationPort),
      payload: payload.replaceAll(':', ''),
    }));
  }

  /**
   * The HTTP requests on one connection to `port`: how long each took from its first segment to the last of its answer,
   * in seconds.
   */
  async requestSeconds(clientPort: number, port: number): Promise<number[]> {
    const filter = `tcp.len > 0 && tcp.port == ${clientPort} && tcp.port == ${port}`;
    const durations: number[] = [];
    let askedAt: number | undefined;
    let answeredAt: number | undefined;
    const finish = () => {
      if (askedAt !== undefined && answeredAt !== undefined) durations.push(answeredAt - askedAt);
      askedAt = undefined;
      answeredAt = undefined;
    };
    for (const [at, destinationPort] of await this.#fields(filter, ['tcp.dstport'])) {
      if (Number(destinationPort) === clientPort) answeredAt = Number(at);
      else {
        if (answeredAt !== undefined) finish();
        askedAt ??= Number(at);
      }
    }
    finish();
    return durations;
  }

  /**
   * Rows of the time, in seconds since the epoch, and these fields. As a double such a time is good to a quarter of a
   * microsecond.
   */
  async #fields(filter: string, names: readonly string[]): Promise<string[][]> {
    const fields = ['frame.time_epoch', ...names].flatMap((name) => ['-e', name]);
    const text = await run(['tshark', '-n', '-r', this.#file, '-Y', filter, '-T', 'fields', ...fields], {});
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('\t'));
  }
}

function addresses(at = '', source = '', sourcePort = '', destination = '', destinationPort = '') {
  return {
    at: Number(at),
    source,
    sourcePort: Number(sourcePort),
    destination,
    destinationPort: Number(destinationPort),
  };
}
