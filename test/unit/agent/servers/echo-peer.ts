import { type EchoDropReason, EchoResponder } from '../../../../src/agent/echo/echo-responder.ts';
import type { Kernel } from '../../../../src/agent/kernel/kernel.ts';
import type { Clock } from '../../../../src/base/clock.ts';
import { systemClock } from '../../../../src/base/clock.ts';
import { type EchoLimits, echoLimits } from '../../../../src/listeners/listener-limits.ts';
import { eventually } from '../eventually.ts';
import { kernel as realKernel } from './probe-context.ts';

/** A responder on addresses of loopback, and what it told about itself. */
export interface EchoPeer extends Disposable {
  port: number;
  answered: number;
  /** How long each answered request waited, in seconds. */
  dwells: (number | undefined)[];
  dropped: EchoDropReason[];
  /** `address code` of each. */
  failed: string[];
  listening: string[];
}

/** Starts one; resolves when it listens everywhere, or has failed. */
export async function startEchoPeer(
  addresses: readonly string[] = ['127.0.0.1'],
  {
    port = 0,
    clock = systemClock,
    limits = {},
    kernel = realKernel,
  }: { port?: number; clock?: Clock; limits?: Partial<EchoLimits>; kernel?: Kernel | 'none' | undefined } = {},
): Promise<EchoPeer> {
  const peer = {
    port,
    answered: 0,
    dwells: [] as (number | undefined)[],
    dropped: [] as EchoDropReason[],
    failed: [] as string[],
    listening: [] as string[],
  };
  const responder = new EchoResponder(
    clock,
    kernel === 'none' ? undefined : kernel,
    {
      answered: (dwell) => {
        peer.answered++;
        peer.dwells.push(dwell);
      },
      dropped: (reason) => peer.dropped.push(reason),
      failed: (address, { code }) => peer.failed.push(`${address} ${code}`),
      listening: (address, bound) => {
        peer.listening.push(address);
        peer.port = bound;
      },
    },
    { ...echoLimits, ...limits },
  );
  responder.listen(port, addresses);
  await eventually(
    () => peer.listening.length + peer.failed.length >= Math.max(1, addresses.length),
    () => 'neither listening nor failed',
  );
  return Object.assign(peer, { [Symbol.dispose]: () => responder.close() });
}
