import type { Dispatcher } from 'undici';
import type { LeaderWriteGuard } from '../../../../src/operator/leader/leader-write-guard.ts';

/** A write that took effect, in milliseconds of true time. */
export interface Landing {
  process: number;
  epoch: number;
  at: number;
}

/** What a simulated write needs from its process and from the world. */
export interface Writer {
  id: number;
  guard: LeaderWriteGuard;
  epoch: number;
  random: () => number;
  now: () => number;
  /** In the world. */
  after: (ms: number, run: () => void) => void;
  /** In the process, which may stand still or have ended. */
  act: (run: () => void) => void;
  /** Whether the process has neither stood still since this time nor been killed, so it resets connections in time. */
  hasRunSince: (at: number) => boolean;
  /** Whether a message between the process and the API server is lost. */
  isLost: () => boolean;
  /** Mostly milliseconds, at times seconds. */
  delay: () => number;
  landed: (landing: Landing) => void;
}

/** How long the API server works on a write: that is up to its admission webhooks. Milliseconds. */
const webhooks = [5, 5, 5, 6000, 20_000];

/**
 * In which a request reaches the API server, unless the process runs and its connection is well enough for a reset to
 * get through. A process that stands still or was killed sends no reset, so nothing bounds a longer transit then
 * (docs/high-availability.md, "What remains").
 */
const transitMs = 500;

/** After the end of a request, etcd may still complete what it has begun. */
const commitMs = 400;

/** What the process knows of a write that it has sent, and the API server too. */
interface Sent {
  handler: Dispatcher.DispatchHandler;
  controller: Dispatcher.DispatchController;
  isOver: boolean;
  sentAt: number;
  /** When the API server notices that the client has gone. */
  closedAt: number;
}

/** Sends one write through the process's guard. */
export function simulateWrite(writer: Writer): void {
  const { guard, after, act, random } = writer;
  const dispatch: Dispatcher.Dispatch = (options, handler) => {
    // Until there is a connection.
    after(random() < 0.05 ? 3000 * random() : 1, () => act(() => start(writer, options, handler)));
    return true;
  };
  const options: Dispatcher.DispatchOptions = { origin: 'http://server', path: '/x', method: 'PATCH' };
  guard.interceptor(dispatch)(options, {});
}

function start(writer: Writer, { path }: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
  const { after, now, delay, isLost } = writer;
  const transit = delay();
  const abort = (reason: Error) => {
    if (sent.isOver) return;
    sent.isOver = true;
    const isNoticed = transit > transitMs || !isLost();
    sent.closedAt = isNoticed ? now() + (transit > transitMs ? 50 : delay()) : Number.POSITIVE_INFINITY;
    handler.onResponseError?.(sent.controller, reason);
  };
  const controller = { abort } as unknown as Dispatcher.DispatchController;
  const sent: Sent = { handler, controller, isOver: false, sentAt: now(), closedAt: Number.POSITIVE_INFINITY };
  try {
    handler.onRequestStart?.(controller, {});
  } catch (error) {
    handler.onResponseError?.(controller, error as Error);
    return;
  }
  if (isLost()) return;
  // What has not arrived when the connection is reset never does.
  after(transit, () => sent.isOver || arrived(writer, sent, Number(/timeout=(\d+)ms/.exec(path)![1])));
}

function arrived(writer: Writer, sent: Sent, timeoutMs: number): void {
  const { id, epoch, random, now, after, act, hasRunSince, isLost, delay, landed } = writer;
  const arrivedAt = now();
  after(webhooks[Math.floor(random() * webhooks.length)]!, () => {
    const countedFrom = hasRunSince(sent.sentAt) ? arrivedAt : Math.min(arrivedAt, sent.sentAt + transitMs);
    const isDone = now() <= countedFrom + timeoutMs && now() < sent.closedAt;
    const answer = () => {
      if (sent.isOver) return;
      sent.isOver = true;
      sent.handler.onResponseEnd?.(sent.controller, {});
    };
    // The response follows the commit.
    after(isDone ? commitMs * random() : 0, () => {
      if (isDone) landed({ process: id, epoch, at: now() });
      if (!isLost()) after(delay(), () => act(answer));
    });
  });
}
