import { setTimeout as sleep } from 'node:timers/promises';
import { leaseObject, leaseReference, leaseSeconds, marked, microTime } from './demo-objects.ts';
import type { KubeObject, ObjectAccess } from './object-access.ts';

/** Renews a run's Lease until it is stopped, so that other runs see that this one is alive. */
export class RunLease {
  readonly #access: ObjectAccess;
  readonly #lease: KubeObject;
  readonly #timer: NodeJS.Timeout;
  #renewal: Promise<void> = Promise.resolve();

  private constructor(access: ObjectAccess, lease: KubeObject) {
    this.#access = access;
    this.#lease = lease;
    this.#timer = setInterval(() => this.#renew(), (leaseSeconds / 3) * 1000);
    this.#timer.unref();
  }

  static async acquire(access: ObjectAccess, run: string): Promise<RunLease> {
    return new RunLease(access, await access.create(marked(leaseObject(run), run)));
  }

  /** Stops renewing; the Lease goes with its namespace. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewal;
  }

  #renew(): void {
    const { namespace, name, uid } = this.#lease.metadata;
    // The uid keeps this from renewing a later run's Lease, after this machine was suspended.
    const patch = JSON.stringify({ metadata: { uid }, spec: { renewTime: microTime(new Date()) } });
    const args = ['patch', 'lease', '-n', namespace!, name, '--type=merge', '-p', patch];
    // A failed renewal is repeated before the Lease expires.
    this.#renewal = this.#access.kubectl(args).then(
      () => {},
      () => {},
    );
  }
}

/**
 * Watches whether a run renews its Lease: no clock of another machine is trusted.
 */
export async function isRenewed(
  access: ObjectAccess,
  { signal, milliseconds = leaseSeconds * 1000 }: { signal?: AbortSignal; milliseconds?: number },
): Promise<boolean> {
  const version = async () => (await access.get(leaseReference))?.metadata.resourceVersion;
  const first = await version();
  const deadline = performance.now() + milliseconds;
  while (performance.now() < deadline) {
    await sleep(Math.min(1000, milliseconds / 5), undefined, { signal });
    if ((await version()) !== first) return true;
  }
  return false;
}
