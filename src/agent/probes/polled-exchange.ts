import { tickMs } from '../../base/tick-clock.ts';
import { Looks } from './looks.ts';
import type { ProbeContext } from './probe.ts';
import { type UdpExchange, UdpExchanges } from './udp-exchange.ts';

/**
 * Sends one datagram like `exchangeOverUdp`, polled: the kernel keeps the answer with its time until a look at a tick,
 * which many probes share. An answer that comes late may be found nevertheless. Needs the kernel and its sockets.
 */
export async function exchangePolled<Answer>(
  target: { host: string; port: number },
  datagram: Uint8Array,
  judge: (message: Buffer) => Answer | undefined,
  context: ProbeContext,
): Promise<UdpExchange<Answer>> {
  const { timeoutMs, signal } = context;
  signal.throwIfAborted();
  const exchanges = new UdpExchanges(target, context);
  const { promise, resolve, reject } = Promise.withResolvers<UdpExchange<Answer>>();
  const looks = new Looks(() => {
    if (looks.isLast) {
      exchanges.expire();
      return;
    }
    looks.later();
    exchanges.look();
  });
  const end = () => {
    looks.end();
    signal.removeEventListener('abort', onAbort);
  };
  const onAbort = () => {
    end();
    exchanges.cancel();
    reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  looks.begin(timeoutMs, tickMs);
  exchanges.begin(datagram, judge, (result) => {
    end();
    if (result instanceof Error) reject(result);
    else resolve(result);
  });
  return promise;
}
