import type { Clock } from '../../base/clock.ts';
import { type Offset, Offsets, sharedStepMs, type Timetable, wholeSteps } from './offsets.ts';

/** Something that runs periodically. */
export interface Task extends Timetable {
  /** Identifies the task across updates. */
  key: string;
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

/**
 * Interval at which the schedule checks for stalls, in milliseconds, in addition to the turns. A shorter stall may be
 * missed if no turn is due in it, which it then does not delay.
 */
const heartbeatMs = sharedStepMs;

/**
 * Runs every task at `epoch + offset + n · interval` on a monotonic clock, where the offset is a hash of seed and slot
 * (`Offsets`). Epoch and offset are multiples of a step; the offsets of shared tasks are multiples of `heartbeatMs` if
 * the interval is long enough, so their turns begin when the schedule checks for stalls anyway. So turns are spread
 * over the interval, differ between agents, do not move when other tasks are added or removed, and never drift.
 *
 * Turns that a stalled process missed (blocked event loop, throttled or frozen container) are counted and skipped. They
 * neither run later in a burst nor count as failures.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #events: ScheduleEvents;
  readonly #offsets: Offsets;
  readonly #epoch: number;
  readonly #entries = new Map<string, Entry>();
  #cancelHeartbeat = () => {};

  /**
   * @param seed makes the offsets of this agent differ from those of other agents
   * @param stepMs that of the clock's timers, in milliseconds; `heartbeatMs` is a multiple of it
   */
  constructor(clock: Clock, seed: string, events: ScheduleEvents, stepMs: number) {
    this.#clock = clock;
    this.#events = events;
    this.#offsets = new Offsets(seed, stepMs);
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
      else this.#entries.set(key, new Entry(task, this.#clock, this.#events, this.#epoch, this.#offsets));
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
  readonly #offsets: Offsets;
  #task: Task;
  #offset: Offset;
  /** The number of the next turn. */
  #turn = 0;
  #cancelTimer = () => {};
  /** Aborted once, when the task ends: a controller for each turn would take CPU time each time. */
  readonly #ended = new AbortController();
  #isRunning = false;

  constructor(task: Task, clock: Clock, events: ScheduleEvents, epoch: number, offsets: Offsets) {
    this.#task = task;
    this.#clock = clock;
    this.#events = events;
    this.#epoch = epoch;
    this.#offsets = offsets;
    this.#offset = offsets.take(task);
    this.#begin();
  }

  /** Replaces the task. Its turns move only if the interval changes. */
  replace(task: Task): void {
    const moved = task.intervalMs !== this.#task.intervalMs;
    this.#task = task;
    if (!moved) return;
    this.#cancelTimer();
    this.#offset.release();
    this.#offset = this.#offsets.take(task);
    this.#begin();
  }

  end(): void {
    this.#cancelTimer();
    this.#offset.release();
    this.#ended.abort();
  }

  /** The first turn is the next one counted from the epoch, so it does not depend on when the task was added. */
  #begin(): void {
    this.#turn = Math.max(0, Math.ceil((this.#clock.monotonic() - this.#dueAt(0)) / this.#task.intervalMs));
    this.#arm();
  }

  #dueAt(turn: number): number {
    return this.#epoch + this.#offset.ms + turn * this.#task.intervalMs;
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
