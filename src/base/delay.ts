/**
 * Calls back once a time is up, but only after whatever had come in by then has been handled: when the event loop stood still, timers
 * run before the sockets that were readable all the while, and an answer that was in time is not to be taken for a timeout.
 * @returns cancels; harmless afterwards
 */
export function afterDelay(milliseconds: number, callback: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(
    () => {
      immediate = setImmediate(callback);
    },
    Math.max(0, milliseconds),
  );
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
