import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';
import { ensureSystemCommands } from './packages.ts';
import { isRunning, type ProcessId, startDaemon, stopProcess } from './processes.ts';
import { waitFor } from './wait.ts';

export interface AlertmanagerOptions {
  /** An existing folder for its configuration, data and log. */
  directory: string;
  configuration: object;
}

/** Debian's Alertmanager on this machine's loopback. */
export class Alertmanager {
  /** `host:port`, as Prometheus is told. */
  readonly target: string;
  readonly #daemon: ProcessId;

  private constructor(target: string, daemon: ProcessId) {
    this.target = target;
    this.#daemon = daemon;
  }

  /** Installs it where it is missing, starts it and resolves when it takes alerts. */
  static async start(
    { directory, configuration }: AlertmanagerOptions,
    log: (line: string) => void,
  ): Promise<Alertmanager> {
    await ensureSystemCommands(['prometheus-alertmanager'], log);
    const target = `127.0.0.1:${await freePort()}`;
    const configurationFile = join(directory, 'alertmanager.yml');
    await writeFile(configurationFile, stringify(configuration));
    const logFile = join(directory, 'alertmanager.log');
    const daemon = await startDaemon({
      // It ends with this process, also when that is killed.
      argv: [
        ...['setpriv', '--pdeathsig', 'KILL', 'prometheus-alertmanager'],
        `--config.file=${configurationFile}`,
        `--storage.path=${join(directory, 'alertmanager-data')}`,
        `--web.listen-address=${target}`,
        // One alone has no cluster.
        '--cluster.listen-address=',
      ],
      ...{ logFile, cwd: directory, cgroups: [] },
    });
    const alertmanager = new Alertmanager(target, daemon);
    try {
      const isReady = async () => !isRunning(daemon) || (await fetch(`http://${target}/-/ready`)).ok;
      await waitFor('Alertmanager', isReady, { timeout: 60_000 });
      if (!isRunning(daemon)) throw new Error(`Alertmanager ended at once: ${await readFile(logFile, 'utf8')}`);
      return alertmanager;
    } catch (error) {
      await alertmanager.stop();
      throw error;
    }
  }

  /** Ends it and waits for its end. */
  async stop(): Promise<void> {
    await stopProcess(this.#daemon);
  }
}
