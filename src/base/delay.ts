/**
 * Calls back after a delay, but only after all input that arrived before then is handled. After a stall of the event
 * loop, timers run before the sockets that became readable meanwhile, and an answer that arrived in time must not count
 * as a timeout.
 * @returns cancels the call; harmless afterwards
 */
export function afterDelay(milliseconds: number, callback: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(
    () => {
      immediate = setImmediate(callback);
    },
    // Node cuts off what is not a whole number of milliseconds.
    Math.ceil(Math.max(0, milliseconds)),
  );
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
