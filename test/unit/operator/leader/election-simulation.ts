import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { Lease } from '../../../../src/operator/leader/lease.ts';
import { LeaseElector } from '../../../../src/operator/leader/lease-elector.ts';
import { quietLog } from '../quiet-log.ts';
import { LeaseServer } from './lease-server.ts';

/**
 * One write of one process, from when it was sent to when it was answered or given up, in milliseconds of true time.
 */
export interface SimulatedWrite {
  process: number;
  epoch: number;
  from: number;
  to: number;
}

/** A write is answered or given up within this time (ApiClient). */
const requestTimeoutMs = 4500;
const callTimeoutMs = 3000;

/**
 * Several processes with the real elector, each with clocks of its own, and one API server, in a time that is
 * simulated: clocks differ in time and, by half a percent, in pace; are set; processes stand still for up to half a
 * minute; requests and answers are late or lost, at times all of one process; watches are late; processes are killed,
 * stopped and started anew.
 */
export class ElectionSimulation {
  readonly writes: SimulatedWrite[] = [];
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
      if (lease !== before) for (const process of this.#processes.values()) this.#tell(process, lease);
      if (!this.#isLost(from)) this.#after(this.#delay(), () => answer(result));
    });
  }

  #tell(process: SimulatedProcess, lease: Lease | undefined): void {
    this.#after(this.#delay(), () => process.hear(lease));
  }

  /** Writes now and then, if it may. */
  #write(process: SimulatedProcess): void {
    this.#after(400 * this.#random(), () =>
      process.act(() => {
        const { epoch } = process.elector;
        if (process.elector.isLeading)
          this.writes.push({
            ...{ process: process.id, epoch: epoch!, from: this.#now },
            to: this.#now + requestTimeoutMs * this.#random(),
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
      else if (chance < 0.75) process.end();
      else if (chance < 0.9) {
        process.act(() => {
          // A clean stop gives the Lease back only when its writes are done.
          const busy = this.writes.some(({ process: id, to }) => id === process.id && to > this.#now);
          if (busy) process.end();
          else process.stop();
        });
      }
      this.#trouble(process);
    });
  }
}

interface World {
  now(): number;
  at(time: number, run: () => void): () => void;
  request(operate: (server: LeaseServer) => Lease | undefined, answer: (result: () => Lease | undefined) => void): void;
  ended(process: SimulatedProcess): void;
}

class SimulatedProcess {
  readonly id: number;
  readonly elector: LeaseElector;
  readonly #world: World;
  readonly #pace: number;
  readonly #offset: number;
  #set: number;
  #standsUntil = 0;
  #cutUntil = 0;
  #lives = true;

  constructor(id: number, random: () => number, world: World) {
    this.id = id;
    this.#world = world;
    this.#pace = 0.995 + 0.01 * random();
    this.#offset = 1e6 * random();
    this.#set = 1e9 * random();
    const call = (operate: (server: LeaseServer) => Lease | undefined) => this.#call(operate);
    this.elector = new LeaseElector({
      access: {
        read: () => call((server) => server.lease),
        write: async (spec, resourceVersion) => (await call((server) => server.write(spec, resourceVersion)))!,
      },
      identity: `process ${id}`,
      clock: {
        monotonic: () => this.#monotonic(),
        wall: () => this.#monotonic() + this.#set,
        after: (ms, callback) => this.#after(ms, callback),
      },
      random,
      log: quietLog,
      onLost: () => this.end(),
    });
  }

  get lives(): boolean {
    return this.#lives;
  }

  async campaign(): Promise<void> {
    await this.elector.campaign(new AbortController().signal);
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

  stop(): void {
    void this.elector.release(500).then(() => this.end());
  }

  /** As for SIGKILL. */
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
