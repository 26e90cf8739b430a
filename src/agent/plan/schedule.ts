import type { Clock } from '../../base/clock.ts';
import { hashFraction } from '../../base/hash.ts';

/** Something that has turns of its own. */
export interface Task {
  /** Tasks of one key are the same one. */
  key: string;
  intervalMs: number;
  /** Takes one turn; the signal is aborted when the task is taken away. A rejection ends the turn and nothing else. */
  run(signal: AbortSignal): Promise<void>;
}

/** Why a turn was left out: the one before was still running, or the process was held up past it. */
export type SkipReason = 'running' | 'late';

/** What the schedule tells about itself. */
export interface ScheduleEvents {
  /** A timer fired this many seconds after it was due; 0 when on time. */
  late(seconds: number): void;
  skipped(reason: SkipReason, turns: number): void;
}

/** A turn may begin this much late, in milliseconds, though never more than half the interval; later it is left out. */
const toleranceMs = 1000;

/** How often the schedule looks whether the process is held up, in milliseconds, beside the turns themselves. */
const heartbeatMs = 500;

/**
 * Gives every task its turns: at `epoch + offset + n · interval` on a monotonic clock, where the offset is a hash of seed and task. So turns
 * are spread over the interval, differ from agent to agent, stay where they are when other tasks come and go, and never drift.
 *
 * When the process was held up (a stalled event loop, a throttled or frozen container), the turns that it missed are counted and left out:
 * they are neither made up for in a burst nor anybody's failure.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #seed: string;
  readonly #events: ScheduleEvents;
  readonly #epoch: number;
  readonly #entries = new Map<string, Entry>();
  #cancelHeartbeat = () => {};

  /** @param seed what sets this agent's offsets apart from the others' */
  constructor(clock: Clock, seed: string, events: ScheduleEvents) {
    this.#clock = clock;
    this.#seed = seed;
    this.#events = events;
    this.#epoch = clock.monotonic();
    this.#heartbeat();
  }

  /** From now on these tasks, each key once, have turns. Ends those that are gone, a turn in flight with it, starts those that are new, and leaves the others be. */
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
      else
        this.#entries.set(
          key,
          new Entry(task, this.#clock, this.#events, this.#epoch, hashFraction(`${this.#seed} ${key}`)),
        );
    }
  }

  /** Ends all tasks and the schedule itself. */
  stop(): void {
    this.set([]);
    this.#cancelHeartbeat();
  }

  #heartbeat(): void {
    const due = this.#clock.monotonic() + heartbeatMs;
    this.#cancelHeartbeat = this.#clock.after(heartbeatMs, () => {
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
  #task: Task;
  /** The number of the next turn. */
  #turn = 0;
  #cancelTimer = () => {};
  #running: AbortController | undefined;

  constructor(task: Task, clock: Clock, events: ScheduleEvents, epoch: number, fraction: number) {
    this.#task = task;
    this.#clock = clock;
    this.#events = events;
    this.#epoch = epoch;
    this.#fraction = fraction;
    this.#begin();
  }

  /** Takes the new form of the task; its turns move only when the interval is another. */
  replace(task: Task): void {
    const moved = task.intervalMs !== this.#task.intervalMs;
    this.#task = task;
    if (!moved) return;
    this.#cancelTimer();
    this.#begin();
  }

  end(): void {
    this.#cancelTimer();
    this.#running?.abort();
  }

  /** The first turn is the next that the epoch gives, so that it does not matter when a task came. */
  #begin(): void {
    this.#turn = Math.max(0, Math.ceil((this.#clock.monotonic() - this.#dueAt(0)) / this.#task.intervalMs));
    this.#arm();
  }

  #dueAt(turn: number): number {
    return this.#epoch + (this.#fraction + turn) * this.#task.intervalMs;
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
    // Of the turns that are due by now only the last may still be taken, if it is fresh enough.
    const older = Math.floor(lateMs / intervalMs);
    const fresh = lateMs - older * intervalMs <= Math.min(toleranceMs, intervalMs / 2);
    const missed = fresh ? older : older + 1;
    if (missed > 0) this.#events.skipped('late', missed);
    this.#turn += older + 1;
    this.#arm();
    if (!fresh) return;
    if (this.#running) this.#events.skipped('running', 1);
    else this.#run();
  }

  #run(): void {
    const controller = new AbortController();
    this.#running = controller;
    const done = () => {
      if (this.#running === controller) this.#running = undefined;
    };
    this.#task.run(controller.signal).then(done, done);
  }
}
