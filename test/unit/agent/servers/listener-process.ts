import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A process that listens on a TCP port and does nothing with what connects. */
export interface ListenerProcess extends AsyncDisposable {
  port: number;
}

/**
 * Starts one.
 * @param inside makes a command line of another, to run it in a network namespace
 * @param stopped whether to stop the process (SIGSTOP) once it listens: then nothing is ever accepted, and its backlog of 1 fills up
 */
export async function startListenerProcess({
  inside = ([file, ...args]: string[]) => [file!, args] as [string, string[]],
  stopped = false,
} = {}): Promise<ListenerProcess> {
  const [file, args] = inside([process.execPath, import.meta.filename, stopped ? 'stopped' : 'accepting']);
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
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  server.listen({ host: '::', port: 0, backlog: 1 }, () => {
    process.stdout.write(`${(server.address() as { port: number }).port}\n`, () => {
      if (process.argv[2] === 'stopped') process.kill(process.pid, 'SIGSTOP');
    });
  });
}
