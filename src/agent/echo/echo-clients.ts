import type { Clock } from '../../base/clock.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import type { EchoLimits } from '../../listeners/listener-limits.ts';
import type { EchoReceipt, EchoRequest } from './echo-message.ts';
import { EchoReceipts } from './echo-receipts.ts';

/** Why a request gets no answer: too many from its address, or too many in all. */
export type EchoRefusal = 'address' | 'rate';

interface EchoClient {
  readonly bucket: TokenBucket;
  readonly receipts: EchoReceipts;
}

/**
 * The remote addresses that send echo requests, each with its rate and its probers. The last part of the total burst is
 * for quiet addresses, so a flood from some addresses costs the others no answer. If there are too many
 * probers, the address with the most of them loses its oldest one; addresses with none are not kept.
 */
export class EchoClients {
  readonly #limits: EchoLimits;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #random: (() => number) | undefined;
  readonly #total: TokenBucket;
  /** By address, ordered by last request. */
  readonly #clients = new Map<string, EchoClient>();
  #probers = 0;
  /** The address that has the most probers, as far as is known: it may have lost some since. */
  #largest: string | undefined;

  /** @param random returns an integer from 0 to 2³² − 1 */
  constructor(limits: EchoLimits, clock: Pick<Clock, 'monotonic'>, random?: () => number) {
    this.#limits = limits;
    this.#clock = clock;
    this.#random = random;
    this.#total = new TokenBucket(limits.total, clock);
  }

  /** Number of known probers. */
  get probers(): number {
    return this.#probers;
  }

  /**
   * Counts a request, and decides whether it is answered. A request that is refused counts nevertheless, because it did
   * arrive, and what gets lost is its answer; unless that would need memory for a new prober.
   * @returns its receipt, or why it gets no answer
   */
  take(request: EchoRequest, address: string): EchoReceipt | EchoRefusal {
    const now = this.#clock.monotonic();
    const client = this.#clients.get(address) ?? this.#newClient();
    const isWithinRate = client.bucket.allow(0, now);
    const receipt = isWithinRate ? this.#count(client, request, address) : client.receipts.countKnown(request);
    if (!receipt || !isWithinRate) return 'address';
    const keep = client.bucket.used <= this.#limits.quiet ? 0 : this.#limits.reserve;
    return this.#total.allow(keep, now) ? receipt : 'rate';
  }

  #newClient(): EchoClient {
    return {
      bucket: new TokenBucket(this.#limits.perAddress, this.#clock),
      receipts: new EchoReceipts(this.#random),
    };
  }

  #count(client: EchoClient, request: EchoRequest, address: string): EchoReceipt {
    this.#clients.delete(address);
    this.#clients.set(address, client);
    const { receipts } = client;
    const before = receipts.size;
    const receipt = receipts.count(request);
    if (receipts.size > before) {
      this.#probers++;
      if (receipts.size > this.#probersOf(this.#largest)) this.#largest = address;
      if (this.#probers > this.#limits.probers) this.#forgetOne();
    }
    return receipt;
  }

  #probersOf(address: string | undefined): number {
    return (address !== undefined && this.#clients.get(address)?.receipts.size) || 0;
  }

  #forgetOne(): void {
    const address = this.#probersOf(this.#largest) > 1 ? this.#largest! : this.#clients.keys().next().value!;
    const { receipts } = this.#clients.get(address)!;
    receipts.forgetOldest();
    this.#probers--;
    if (receipts.size === 0) this.#clients.delete(address);
  }
}
