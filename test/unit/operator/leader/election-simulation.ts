import type { Clock } from '../../../../src/base/clock.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { LeaderWriteGuard } from '../../../../src/operator/leader/leader-write-guard.ts';
import type { Lease } from '../../../../src/operator/leader/lease.ts';
import { LeaseElector } from '../../../../src/operator/leader/lease-elector.ts';
import { quietLog } from '../quiet-log.ts';
import { LeaseServer } from './lease-server.ts';
import { type Landing, simulateWrite } from './simulated-writes.ts';

/** A call to the API server about the Lease is answered or given up within this time (LeaseAccess). */
const callTimeoutMs = 3000;

/** A change of the Lease's holder at the API server, in milliseconds of true time. */
export interface Taking {
  holder: string;
  epoch: number;
  at: number;
}

/**
 * Several processes with the real elector, each with clocks of its own, and one API server, in a time that is
 * simulated: clocks differ in time and, by 3 %, in pace; are set; processes stand still for up to half a
 * minute; requests and answers are late or lost, at times all of one process; watches are late; admission webhooks take
 * 6 and 20 seconds; processes are killed, stopped and started anew.
 */
export class ElectionSimulation {
  readonly landings: Landing[] = [];
  readonly takings: Taking[] = [];
  /** How often a process lost the Lease and went on. */
  deposed = 0;
  readonly #random: () => number;
  readonly #server = new LeaseServer();
  readonly #processes = new Map<number, SimulatedProcess>();
  #now = 0;
  #events: { at: number; run: () => void }[] = [];
  #count = 0;
  /** Of requests and answers, how many are lost or late; 0 for quiet times. */
  #faults = 1;

  constructor(seed: number) {
    this.#random = generator(seed);
    for (let n = 0; n < 3; n++) this.#start();
  }

  /** Lets time pass. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#events.reduce<{ at: number; run: () => void } | undefined>(
        (first, event) => (event.at <= end && (!first || event.at < first.at) ? event : first),
        undefined,
      );
      if (!next) break;
      this.#events.splice(this.#events.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      // Whatever promises have been kept are acted on before time passes.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = end;
  }

  /** From here on nothing is lost or late, and nothing is killed. */
  calm(): void {
    this.#faults = 0;
  }

  /** Those that would let a write through now. */
  leaders(): number[] {
    return [...this.#processes.values()].filter(({ elector }) => elector.isLeading).map(({ id }) => id);
  }

  #start(): void {
    const id = ++this.#count;
    const process = new SimulatedProcess(id, this.#random, {
      now: () => this.#now,
      at: (at, run) => {
        const event = { at, run };
        this.#events.push(event);
        return () => {
          this.#events = this.#events.filter((other) => other !== event);
        };
      },
      request: (operate, answer) => this.#request(process, operate, answer),
      deposed: () => this.deposed++,
      ended: (process) => {
        this.#processes.delete(process.id);
        this.#after(500 + 5000 * this.#random(), () => this.#start());
      },
    });
    this.#processes.set(id, process);
    this.#after(this.#delay(), () => process.hear(this.#server.lease));
    void process.campaign();
    this.#write(process);
    this.#trouble(process);
  }

  #after(ms: number, run: () => void): void {
    this.#events.push({ at: this.#now + ms, run });
  }

  /** Mostly milliseconds, at times seconds. */
  #delay(): number {
    return this.#faults > 0 && this.#random() < 0.1 ? 6000 * this.#random() : 1 + 50 * this.#random();
  }

  #isLost(from: SimulatedProcess): boolean {
    return from.isCutOff || this.#random() < 0.08 * this.#faults;
  }

  /** Carries a request to the server and its answer back; either may be lost. */
  #request(
    from: SimulatedProcess,
    operate: (server: LeaseServer) => Lease | undefined,
    answer: (result: () => Lease | undefined) => void,
  ): void {
    if (this.#isLost(from)) return;
    this.#after(this.#delay(), () => {
      let result: () => Lease | undefined;
      const before = this.#server.lease;
      try {
        const lease = operate(this.#server);
        result = () => lease;
      } catch (error) {
        result = () => {
          throw error;
        };
      }
      const { lease } = this.#server;
      const { holderIdentity = '', leaseTransitions = 0 } = lease?.spec ?? {};
      if (holderIdentity !== '' && holderIdentity !== this.takings.at(-1)?.holder)
        this.takings.push({ holder: holderIdentity, epoch: leaseTransitions, at: this.#now });
      if (lease !== before) for (const process of this.#processes.values()) this.#tell(process, lease);
      if (!this.#isLost(from)) this.#after(this.#delay(), () => answer(result));
    });
  }

  #tell(process: SimulatedProcess, lease: Lease | undefined): void {
    this.#after(this.#delay(), () => process.hear(lease));
  }

  /** Writes now and then, if it may, with rests in between. */
  #write(process: SimulatedProcess): void {
    this.#after((this.#random() < 0.03 ? 40_000 : 400) * this.#random(), () =>
      process.act(() => {
        const { elector, guard, id } = process;
        if (elector.isLeading)
          simulateWrite({
            ...{ id, guard, epoch: elector.epoch!, random: this.#random, now: () => this.#now },
            after: (ms, run) => this.#after(ms, run),
            act: (run) => process.act(run),
            hasRunSince: (at) => process.hasRunSince(at),
            isLost: () => this.#isLost(process),
            delay: () => this.#delay(),
            landed: (landing) => this.landings.push(landing),
          });
        this.#write(process);
      }),
    );
  }

  /** What happens to a process once in a while. */
  #trouble(process: SimulatedProcess): void {
    this.#after(15_000 * this.#random(), () => {
      if (!process.lives) return;
      if (this.#faults === 0) return;
      const chance = this.#random();
      if (chance < 0.3) process.standStill(20_000 * this.#random());
      else if (chance < 0.5) process.cutOff(20_000 * this.#random());
      else if (chance < 0.6) process.setClock(60_000 * (this.#random() - 0.5));
      else if (chance < 0.75) process.kill();
      else if (chance < 0.9) {
        process.act(() => process.stop());
      }
      this.#trouble(process);
    });
  }
}

interface World {
  now(): number;
  at(time: number, run: () => void): () => void;
  request(operate: (server: LeaseServer) => Lease | undefined, answer: (result: () => Lease | undefined) => void): void;
  deposed(): void;
  ended(process: SimulatedProcess): void;
}

class SimulatedProcess {
  readonly id: number;
  readonly elector: LeaseElector;
  readonly guard: LeaderWriteGuard;
  readonly #world: World;
  readonly #pace: number;
  readonly #offset: number;
  #set: number;
  #standsUntil = 0;
  #cutUntil = 0;
  #lives = true;
  #isKilled = false;

  constructor(id: number, random: () => number, world: World) {
    this.id = id;
    this.#world = world;
    this.#pace = 0.985 + 0.03 * random();
    this.#offset = 1e6 * random();
    this.#set = 1e9 * random();
    const call = (operate: (server: LeaseServer) => Lease | undefined) => this.#call(operate);
    const clock: Clock = {
      monotonic: () => this.#monotonic(),
      wall: () => this.#monotonic() + this.#set,
      after: (ms, callback) => this.#after(ms, callback),
    };
    this.elector = new LeaseElector({
      access: {
        read: () => call((server) => server.lease),
        write: async (spec, resourceVersion) => (await call((server) => server.write(spec, resourceVersion)))!,
      },
      identity: `process ${id}`,
      ...{ clock, random, log: quietLog },
      onLost: (why, stoodStill) => this.#lost(why, stoodStill),
    });
    this.guard = new LeaderWriteGuard(this.elector, clock);
  }

  get lives(): boolean {
    return this.#lives;
  }

  async campaign(): Promise<void> {
    await this.elector.campaign(new AbortController().signal);
  }

  /** As LeaderElection and the operator. */
  #lost(why: string, stoodStill: boolean): void {
    const isUnsafe = stoodStill || this.guard.isWriting;
    this.guard.abort(new ApiError('NotLeader', why));
    if (isUnsafe) {
      this.end();
      return;
    }
    this.#world.deposed();
    void this.campaign();
  }

  hear(lease: Lease | undefined): void {
    this.act(() => this.elector.observe(lease));
  }

  /** Runs something in this process, as soon as it does not stand still. */
  act(run: () => void): void {
    if (!this.#lives) return;
    if (this.#world.now() < this.#standsUntil) this.#world.at(this.#standsUntil, () => this.act(run));
    else run();
  }

  hasRunSince(at: number): boolean {
    return !this.#isKilled && this.#standsUntil <= at;
  }

  /** As for SIGSTOP, a garbage collection, or a machine without a free CPU. */
  standStill(ms: number): void {
    this.#standsUntil = this.#world.now() + ms;
  }

  /** None of its requests arrives, nor an answer. */
  cutOff(ms: number): void {
    this.#cutUntil = this.#world.now() + ms;
  }

  get isCutOff(): boolean {
    return this.#world.now() < this.#cutUntil;
  }

  setClock(ms: number): void {
    this.#set += ms;
  }

  /** As LeaderElection; writes in flight get no time to end. */
  stop(): void {
    void this.guard.close();
    this.guard.abort(new ApiError('Cancelled', 'stopping'));
    void this.elector.release({ withinMs: 500, inMs: this.guard.quietInMs }).then(() => this.end());
  }

  /** As for SIGKILL. */
  kill(): void {
    this.#isKilled = true;
    this.end();
  }

  end(): void {
    if (!this.#lives) return;
    this.#lives = false;
    this.#world.ended(this);
  }

  #monotonic(): number {
    return this.#offset + this.#world.now() * this.#pace;
  }

  #after(ms: number, callback: () => void): () => void {
    return this.#world.at(this.#world.now() + ms / this.#pace, () => this.act(callback));
  }

  #call(operate: (server: LeaseServer) => Lease | undefined): Promise<Lease | undefined> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new ApiError('Unavailable', 'no answer'));
      const cancel = this.#after(callTimeoutMs, late);
      this.#world.request(operate, (result) =>
        this.act(() => {
          cancel();
          try {
            resolve(result());
          } catch (error) {
            reject(error);
          }
        }),
      );
    });
  }
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
