import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/error-text.ts';
import type { Acknowledgement, Held, SyncAnswer, SyncRequest } from '../../protocol/sync.ts';
import { syncVersion } from '../../protocol/sync.ts';
import type { AuthenticatedAgent, SyncNews, SyncSource } from '../agents/sync-source.ts';
import { LogDeduplicator } from '../log/log-deduplicator.ts';
import { SyncRefusal } from './identity/sync-refusal.ts';

/** A held request of an agent. Exactly one of these methods is called, once. */
export interface Waiter {
  answer(answer: SyncAnswer): void;
  refuse(refusal: SyncRefusal): void;
}

/** What is kept of a request while it is held. */
interface HeldRequest {
  agent: AuthenticatedAgent;
  held: Held;
  acknowledged: Acknowledgement | undefined;
  waiter: Waiter;
  /** By when it is answered, on the monotonic clock. */
  until: number;
}

/** What an agent was last offered something for. */
interface Offer {
  /** What it held. */
  versions: string;
  at: number;
}

/** Changes that come within so long are one answer. */
const coalesceMs = 100;

/** Precision of the end of a hold. One timer for all requests: thousands of timers would cost too much memory. */
const tickMs = 250;

/**
 * How long answers go out until everything else gets its turn, in milliseconds. An agent that is answered calls again
 * at once, which costs several times what the answer did, and all the calls that have come by the next turn are
 * processed in one: so this bounds how long they hold up the event loop.
 */
const turnMs = 10;

/** The same when the hub closes, in milliseconds: what is not answered then is refused, and nothing else has a turn. */
const lastTurnMs = 1000;

/**
 * An agent that does not adopt an offer gets it again after this time: it may have lost the response, or rejected it.
 */
const offerAgainMs = 5000;

/** The part of a hold that is left to chance, so that agents that were answered together do not stay in step. */
const spread = 0.2;

/**
 * Holds agents' requests until there is something new, but not longer than agents wait. Requests are objects here and
 * not promises: of what is held for 5,000 agents every hundred bytes count.
 */
export class SyncHub {
  readonly #source: SyncSource;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #holdMs: number;
  readonly #log: Logger;
  /** By NetExporter. */
  readonly #reports: LogDeduplicator;
  /** By pod: an agent has one request. */
  readonly #requests = new Map<string, HeldRequest>();
  readonly #offers = new Map<string, Offer>();
  readonly #woken = new Set<string>();
  #isTicking = false;
  #isWaking = false;
  #closed = false;

  constructor(options: {
    source: SyncSource;
    clock: Clock;
    /** Uniform in [0, 1). */
    random: () => number;
    /** How long a request is held at most. */
    holdMs: number;
    log: Logger;
  }) {
    this.#source = options.source;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#holdMs = options.holdMs;
    this.#log = options.log;
    this.#reports = new LogDeduplicator(options.clock);
  }

  /** How many requests are held. */
  get held(): number {
    return this.#requests.size;
  }

  /**
   * Takes a request in, and answers it now or later: at once that of an agent that is about to end, for which nothing
   * is news. One of the same agent that is still held is refused: its sender has gone on.
   */
  exchange(agent: AuthenticatedAgent, request: SyncRequest, waiter: Waiter): void {
    if (this.#closed) {
      waiter.refuse(unavailable());
      return;
    }
    const { podUid } = agent;
    this.#requests
      .get(podUid)
      ?.waiter.refuse(new SyncRefusal('Superseded', 'superseded by a newer request of this agent'));
    this.#requests.delete(podUid);
    const entry = { agent, held: request.held, acknowledged: undefined, waiter, until: 0 };
    try {
      this.#take(entry, request);
    } catch (error) {
      this.#failed(entry, error);
    }
  }

  #take(received: HeldRequest, request: SyncRequest): void {
    const { agent } = received;
    const { podUid } = agent;
    const entry = { ...received, acknowledged: this.#source.took(agent, request) };
    if (request.leaving) {
      this.#answer(entry, undefined);
      return;
    }
    const news = this.#news(entry);
    const again = news ? this.#mayOfferAgainAt(podUid, request.held) : undefined;
    if (again === undefined) this.#offers.delete(podUid);
    if (news && again === undefined) this.#answer(entry, news);
    else this.#hold({ ...entry, until: Math.min(this.#endOfHold(agent), again ?? Infinity) });
  }

  #endOfHold(agent: AuthenticatedAgent): number {
    const holdMs = Math.min(this.#holdMs, this.#source.holdMsOf(agent));
    return this.#clock.monotonic() + holdMs * (1 - spread * this.#random());
  }

  /** Forgets the request of an agent whose connection is lost. */
  gone(agent: AuthenticatedAgent): void {
    this.#requests.delete(agent.podUid);
    this.#offers.delete(agent.podUid);
    this.#source.gone(agent);
  }

  /** Something may have changed for these pods: held requests are answered soon, others when they arrive. */
  wake(podUids: Iterable<string>): void {
    for (const podUid of podUids) if (this.#requests.has(podUid)) this.#woken.add(podUid);
    if (this.#isWaking || this.#woken.size === 0) return;
    this.#isWaking = true;
    this.#clock.after(coalesceMs, () => this.#answerWoken());
  }

  /** Takes requests again after `close`. */
  open(): void {
    this.#closed = false;
  }

  /** Answers held requests that have news, and refuses all others and new ones: agents then find the next leader. */
  close(): void {
    this.#closed = true;
    this.#answerWoken(lastTurnMs);
    this.#woken.clear();
    for (const { waiter } of this.#requests.values()) waiter.refuse(unavailable());
    this.#requests.clear();
    this.#offers.clear();
  }

  #answerWoken(ms = turnMs): void {
    const end = this.#clock.monotonic() + ms;
    for (const podUid of this.#woken) {
      this.#woken.delete(podUid);
      const entry = this.#requests.get(podUid);
      if (entry) this.#settle(entry, false);
      // Also after one without news: to find that out takes time, too.
      if (this.#clock.monotonic() >= end) break;
    }
    this.#isWaking = this.#woken.size > 0;
    if (this.#isWaking) this.#clock.after(0, () => this.#answerWoken());
  }

  #hold(entry: HeldRequest): void {
    this.#requests.set(entry.agent.podUid, entry);
    this.#tickLater();
  }

  /** Undefined where it has not been offered anything for what it holds. */
  #mayOfferAgainAt(podUid: string, held: Held): number | undefined {
    const offer = this.#offers.get(podUid);
    return offer?.versions === versionsOf(held) ? offer.at + offerAgainMs : undefined;
  }

  #tickLater(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#clock.after(tickMs, () => this.#tick());
  }

  /** Answers those whose time is over, after a suspension of the process all. */
  #tick(): void {
    const now = this.#clock.monotonic();
    for (const entry of this.#requests.values()) {
      if (entry.until > now) continue;
      this.#settle(entry, true);
      if (this.#clock.monotonic() < now + turnMs) continue;
      this.#clock.after(0, () => this.#tick());
      return;
    }
    this.#isTicking = false;
    if (this.#requests.size > 0) this.#tickLater();
  }

  /**
   * Answers a request that is held. A failure concerns this agent alone: it is refused, and asks again.
   * @param always whether it is answered also without news
   */
  #settle(entry: HeldRequest, always: boolean): void {
    try {
      const news = this.#news(entry);
      if (news || always) this.#answer(entry, news);
    } catch (error) {
      this.#failed(entry, error);
    }
  }

  #failed({ agent, waiter }: HeldRequest, error: unknown): void {
    this.#requests.delete(agent.podUid);
    this.#offers.delete(agent.podUid);
    const { resource, pod } = agent;
    // Once for each reason: there may be thousands of them, each again and again. The metrics count them.
    if (this.#reports.isNew(resource, errorText(error)))
      this.#log.error({ err: error, key: resource, pod }, 'cannot answer agent, it will retry');
    try {
      waiter.refuse(new SyncRefusal('Unavailable', 'cannot answer agents at present; retry'));
    } catch (refusalError) {
      this.#log.debug({ err: refusalError, key: resource, pod }, 'cannot send a refusal to agent');
    }
  }

  /** Undefined without news. */
  #news({ agent, held }: HeldRequest): SyncNews | undefined {
    const news = this.#source.answerFor(agent, held);
    return news?.settings || news?.assignment ? news : undefined;
  }

  #answer({ agent, held, acknowledged, waiter }: HeldRequest, news: SyncNews | undefined): void {
    this.#requests.delete(agent.podUid);
    if (news) this.#offers.set(agent.podUid, { versions: versionsOf(held), at: this.#clock.monotonic() });
    waiter.answer({ version: syncVersion, ...(acknowledged && { acknowledged }), ...news });
  }
}

function unavailable(): SyncRefusal {
  return new SyncRefusal('Unavailable', 'this operator is not the leader; retry');
}

function versionsOf({ settings, assignment }: Held): string {
  const parts = [settings?.uid, settings?.generation, settings?.digest];
  return [...parts, assignment?.uid, assignment?.epoch, assignment?.revision].join(' ');
}
