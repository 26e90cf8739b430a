import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EchoResponder } from '../../../../src/agent/echo/echo-responder.ts';
import { openKernel } from '../../../../src/agent/kernel/linux-kernel.ts';
import { systemClock } from '../../../../src/base/clock.ts';

/** A process that answers UDP echoes as an agent does. */
export interface EchoProcess extends AsyncDisposable {
  port: number;
}

/**
 * Starts one.
 * @param inside makes a command line of another, to run it in a network namespace
 * @param busy share of the time in which its event loop stands still
 */
export async function startEchoProcess(
  inside: (command: string[]) => [string, string[]] = ([file, ...args]) => [file!, args],
  busy = 0,
): Promise<EchoProcess> {
  const [file, args] = inside([process.execPath, import.meta.filename, String(busy)]);
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = await once(child.stdout, 'data');
  return {
    port: Number(String(line)),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  // A test that is killed leaves nothing behind: its end of the pipe closes with it.
  process.stdin.resume().on('end', () => process.exit());
  const periodMs = 25;
  const busy = Number(process.argv[2]);
  const standStill = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busy * periodMs);
  if (busy > 0) setInterval(standStill, periodMs);
  const responder = new EchoResponder(systemClock, openKernel(), {
    answered: () => {},
    dropped: () => {},
    failed: (_, error) => {
      throw error;
    },
    listening: (_, port) => process.stdout.write(`${port}\n`),
  });
  responder.listen(0, []);
}
