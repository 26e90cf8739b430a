import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EchoResponder } from '../../../../src/agent/echo/echo-responder.ts';
import { systemClock } from '../../../../src/base/clock.ts';

/** A process that answers UDP echoes as an agent does. */
export interface EchoProcess extends AsyncDisposable {
  port: number;
}

/** Starts one. @param inside makes a command line of another, to run it in a network namespace */
export async function startEchoProcess(inside: (command: string[]) => [string, string[]]): Promise<EchoProcess> {
  const [file, args] = inside([process.execPath, import.meta.filename]);
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
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
  const responder = new EchoResponder(systemClock, {
    answered: () => {},
    dropped: () => {},
    failed: (_, error) => {
      throw error;
    },
    listening: (_, port) => process.stdout.write(`${port}\n`),
  });
  responder.listen(0, []);
}
