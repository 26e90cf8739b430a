import type { Clock } from '../../base/clock.ts';
import { hashFraction } from '../../base/hash.ts';

/** Something that runs periodically. */
export interface Task {
  /** Identifies the task across updates. */
  key: string;
  /** Determines the offset: tasks of the same slot and interval have their turns at the same time. */
  slot: string;
  intervalMs: number;
  /**
   * Whether turns may begin together with those of other tasks: at four times of the interval or more, at most 2.5
   * seconds apart. After a rest, the first of several probes costs several times what the others do. By default a turn
   * begins at any step.
   */
  isShared?: boolean;
  /** Runs one turn. `signal` is aborted when the task is removed. A rejection ends only this turn. */
  run(signal: AbortSignal): Promise<void>;
}

/** Why a turn was skipped: the previous one was still running, or the process was stalled when it was due. */
export type SkipReason = 'running' | 'late';

/** Events of the schedule. */
export interface ScheduleEvents {
  /** A timer fired this many seconds late; 0 if on time. */
  late(seconds: number): void;
  skipped(reason: SkipReason, turns: number): void;
}

/** Maximum delay of a turn, in milliseconds, limited to half the interval. A later turn is skipped. */
const toleranceMs = 1000;

/** Interval at which the schedule checks for stalls, in milliseconds, in addition to the turns. */
const heartbeatMs = 500;

/** Into how many parts an interval is divided at least for the offsets of shared tasks. */
const minParts = 4;

/** The longest of these parts, in milliseconds: also with long intervals, only a few probes begin together. */
const maxPartMs = 2500;

/**
 * Runs every task at `epoch + offset + n · interval` on a monotonic clock, where the offset is a hash of seed and slot.
 * Epoch and offset are multiples of a step; the offsets of shared tasks are multiples of `heartbeatMs` if the interval
 * is long enough, so their turns begin when the schedule checks for stalls anyway. So turns are spread over the
 * interval, differ between agents, do not move when other tasks are added or removed, and never drift.
 *
 * Turns that a stalled process missed (blocked event loop, throttled or frozen container) are counted and skipped. They
 * neither run later in a burst nor count as failures.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #seed: string;
  readonly #events: ScheduleEvents;
  readonly #stepMs: number;
  readonly #epoch: number;
  readonly #entries = new Map<string, Entry>();
  #cancelHeartbeat = () => {};

  /**
   * @param seed makes the offsets of this agent differ from those of other agents
   * @param stepMs that of the clock's timers, in milliseconds; `heartbeatMs` is a multiple of it
   */
  constructor(clock: Clock, seed: string, events: ScheduleEvents, stepMs: number) {
    this.#clock = clock;
    this.#seed = seed;
    this.#events = events;
    this.#stepMs = stepMs;
    this.#epoch = wholeSteps(clock.monotonic(), heartbeatMs);
    this.#heartbeat();
  }

  /**
   * Sets the tasks, each key once. Removed tasks end, including a turn in flight; new ones start; the others are
   * unchanged.
   */
  set(tasks: readonly Task[]): void {
    const wanted = new Map(tasks.map((task) => [task.key, task]));
    for (const [key, entry] of this.#entries) {
      if (wanted.has(key)) continue;
      entry.end();
      this.#entries.delete(key);
    }
    for (const [key, task] of wanted) {
      const entry = this.#entries.get(key);
      if (entry) entry.replace(task);
      else {
        const fraction = hashFraction(`${this.#seed} ${task.slot}`);
        this.#entries.set(key, new Entry(task, this.#clock, this.#events, this.#epoch, fraction, this.#stepMs));
      }
    }
  }

  /** Ends all tasks and the stall check. */
  stop(): void {
    this.set([]);
    this.#cancelHeartbeat();
  }

  #heartbeat(): void {
    const now = this.#clock.monotonic();
    const due = now + heartbeatMs - (now % heartbeatMs);
    this.#cancelHeartbeat = this.#clock.after(due - now, () => {
      this.#events.late(Math.max(0, this.#clock.monotonic() - due) / 1000);
      this.#heartbeat();
    });
  }
}

/** One task with its next turn. */
class Entry {
  readonly #clock: Clock;
  readonly #events: ScheduleEvents;
  readonly #epoch: number;
  readonly #fraction: number;
  readonly #stepMs: number;
  #task: Task;
  /** The number of the next turn. */
  #turn = 0;
  #cancelTimer = () => {};
  /** Aborted once, when the task ends: a controller for each turn would take CPU time each time. */
  readonly #ended = new AbortController();
  #isRunning = false;

  constructor(task: Task, clock: Clock, events: ScheduleEvents, epoch: number, fraction: number, stepMs: number) {
    this.#task = task;
    this.#clock = clock;
    this.#events = events;
    this.#epoch = epoch;
    this.#fraction = fraction;
    this.#stepMs = stepMs;
    this.#begin();
  }

  /** Replaces the task. Its turns move only if the interval changes. */
  replace(task: Task): void {
    const moved = task.intervalMs !== this.#task.intervalMs;
    this.#task = task;
    if (!moved) return;
    this.#cancelTimer();
    this.#begin();
  }

  end(): void {
    this.#cancelTimer();
    this.#ended.abort();
  }

  /** The first turn is the next one counted from the epoch, so it does not depend on when the task was added. */
  #begin(): void {
    this.#turn = Math.max(0, Math.ceil((this.#clock.monotonic() - this.#dueAt(0)) / this.#task.intervalMs));
    this.#arm();
  }

  #dueAt(turn: number): number {
    const { intervalMs, isShared = false } = this.#task;
    const partMs = Math.min(maxPartMs, intervalMs / minParts);
    const shared = wholeSteps(partMs, partMs < heartbeatMs ? this.#stepMs : heartbeatMs);
    const stepMs = isShared ? Math.max(this.#stepMs, shared) : this.#stepMs;
    return this.#epoch + wholeSteps(this.#fraction * intervalMs, stepMs) + turn * intervalMs;
  }

  #arm(): void {
    this.#cancelTimer = this.#clock.after(Math.max(0, this.#dueAt(this.#turn) - this.#clock.monotonic()), () =>
      this.#fire(),
    );
  }

  #fire(): void {
    const { intervalMs } = this.#task;
    const lateMs = Math.max(0, this.#clock.monotonic() - this.#dueAt(this.#turn));
    this.#events.late(lateMs / 1000);
    // Of the turns that are due, only the last one may run, and only if it is not too late.
    const older = Math.floor(lateMs / intervalMs);
    const fresh = lateMs - older * intervalMs <= Math.min(toleranceMs, intervalMs / 2);
    const missed = fresh ? older : older + 1;
    if (missed > 0) this.#events.skipped('late', missed);
    this.#turn += older + 1;
    this.#arm();
    if (!fresh) return;
    if (this.#isRunning) this.#events.skipped('running', 1);
    else this.#run();
  }

  #run(): void {
    this.#isRunning = true;
    const done = () => {
      this.#isRunning = false;
    };
    this.#task.run(this.#ended.signal).then(done, done);
  }
}

/** Rounds down to a multiple of a step. */
function wholeSteps(ms: number, stepMs: number): number {
  return Math.floor(ms / stepMs) * stepMs;
}
