import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A process that listens on a TCP port and does nothing with what connects. */
export interface ListenerProcess extends AsyncDisposable {
  port: number;
  /** Stops the process (SIGSTOP): from then on nothing is accepted, and its backlog of 1 fills up. */
  stop(): void;
}

/**
 * Starts one.
 * @param inside makes a command line of another, to run it in a network namespace
 * @param stopped whether to stop it once it listens
 * @param host where it listens, on all addresses unless told
 * @param port 0 for any free one
 */
export async function startListenerProcess({
  inside = ([file, ...args]: string[]) => [file!, args] as [string, string[]],
  stopped = false,
  host = '::',
  port = 0,
} = {}): Promise<ListenerProcess> {
  const [file, args] = inside([
    process.execPath,
    import.meta.filename,
    stopped ? 'stopped' : 'accepting',
    host,
    String(port),
  ]);
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = await once(child.stdout, 'data');
  return {
    port: Number(String(line)),
    stop: () => void child.kill('SIGSTOP'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  // A test that is killed leaves nothing behind: its end of the pipe closes with it.
  process.stdin.resume().on('end', () => process.exit());
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  const [mode, host, port] = process.argv.slice(2);
  server.listen({ host, port: Number(port), backlog: 1 }, () => {
    process.stdout.write(`${(server.address() as { port: number }).port}\n`, () => {
      if (mode === 'stopped') process.kill(process.pid, 'SIGSTOP');
    });
  });
}
