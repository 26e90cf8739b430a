import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { run } from '../../../cluster/command.ts';
import { createNetns, inNetns, netnsFile, removeNetns } from '../../../cluster/netns.ts';
import { ownedName } from '../../../cluster/owned-name.ts';

/**
 * Another host, for packets to get lost on the way to: a network namespace of its own at the other end of a veth pair.
 * Names and addresses are random, so that several tests can have theirs; it is gone when the test is, also when that
 * fails.
 */
export class NetworkNamespace implements AsyncDisposable {
  readonly name = ownedName('test');
  /**
   * The addresses in the namespace. From 198.18.0.0/15, which is set aside for tests (RFC 2544), and unique local ones.
   */
  readonly address4: string;
  readonly address6: string;
  /** The device at this machine's end of the pair. */
  readonly device = `nxt${randomBytes(5).toString('hex')}`;
  readonly #network = randomInt(0x8000);

  private constructor() {
    this.address4 = this.#ipv4(2);
    this.address6 = this.#ipv6(2);
  }

  static async create(): Promise<NetworkNamespace> {
    const namespace = new NetworkNamespace();
    process.once('exit', namespace.#removeAtExit);
    try {
      await namespace.#create();
      return namespace;
    } catch (error) {
      await namespace[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Sets what the namespace does with what comes in, or goes out, in place of earlier rules.
   * @param rules of nft(8), one an item, for a chain at the hook
   */
  async filter(rules: string[], hook: 'input' | 'output' = 'input'): Promise<void> {
    const script = [
      'table inet test',
      'delete table inet test',
      'table inet test {',
      `chain ${hook} {`,
      `type filter hook ${hook} priority 0`,
      ...rules,
      '}',
      '}',
    ].join('\n');
    await run(inNetns(this.name, ['nft', script]));
  }

  /** A command line that runs `command` in the namespace. */
  inside(command: string[]): [string, string[]] {
    const [file = '', ...args] = inNetns(this.name, command);
    return [file, args];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#removeAtExit);
    // The pair goes with either end.
    await run(['ip', 'link', 'del', this.device]).catch(() => {});
    removeNetns(this.name);
  }

  async #create(): Promise<void> {
    const outside = (...args: string[]) => run(['ip', ...args]);
    const inside = (...args: string[]) => run(inNetns(this.name, ['ip', ...args]));
    await createNetns(this.name);
    await outside('link', 'add', this.device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netnsFile(this.name));
    await outside('addr', 'add', `${this.#ipv4(1)}/30`, 'dev', this.device);
    await outside('addr', 'add', `${this.#ipv6(1)}/64`, 'dev', this.device, 'nodad');
    await outside('link', 'set', this.device, 'up');
    await inside('addr', 'add', `${this.address4}/30`, 'dev', 'eth0');
    await inside('addr', 'add', `${this.address6}/64`, 'dev', 'eth0', 'nodad');
    await inside('link', 'set', 'eth0', 'up');
    await inside('link', 'set', 'lo', 'up');
    // By default a machine sends about one ICMP error a second to each other (icmp(7)): here every one counts.
    const limits = ['ipv4/icmp_ratelimit', 'ipv6/icmp/ratelimit'].map((name) => `echo 0 >/proc/sys/net/${name}`);
    await run(inNetns(this.name, ['sh', '-c', limits.join(' && ')]));
  }

  readonly #removeAtExit = (): void => {
    try {
      execFileSync('ip', ['link', 'del', this.device], { stdio: 'ignore' });
    } catch {
      // It never came to be.
    }
    removeNetns(this.name);
  };

  #ipv4(host: number): string {
    const address = (198 << 24) + (18 << 16) + this.#network * 4 + host;
    return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
  }

  #ipv6(host: number): string {
    return `fd00:18:${this.#network.toString(16)}::${host}`;
  }
}
