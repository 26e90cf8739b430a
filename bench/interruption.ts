/**
 * Turns the first SIGINT, SIGTERM or SIGHUP into an abort, so that what was started is removed; later ones change
 * nothing.
 */
export class Interruption {
  readonly signal: AbortSignal;

  constructor() {
    const controller = new AbortController();
    this.signal = controller.signal;
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(name, () => controller.abort(new Error(`ended by ${name}`)));
  }
}
