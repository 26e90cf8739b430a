/**
 * Resolves with the first signal to stop. The handlers exist as soon as this module is loaded: the kernel drops a
 * signal to the first process of a container that has no handler for it.
 */
export const stopSignal = new Promise<NodeJS.Signals>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
});
