import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { type Architecture, architectures, build } from '../../../build/build.ts';
import { ownedDirectory } from '../../cluster/owned-name.ts';
import { freePort } from './free-port.ts';

const root = join(import.meta.dirname, '../../..');
const directory = ownedDirectory('build');
const context = join(directory, 'dist');

before(async () => {
  await build({ root, out: context, architectures: ['amd64', 'arm64'] });
});
after(() => rmSync(directory, { recursive: true, force: true }));

// e_machine of the ELF header (elf(5)): which processor a binary is for.
const machines = { amd64: 62, arm64: 183 };

for (const architecture of Object.keys(architectures) as Architecture[]) {
  test(`the build context for ${architecture} holds koffi's binaries for that architecture and no other`, () => {
    const binaries = globSync(`agent/${architecture}/**/*.node`, { cwd: context });
    assert.ok(
      binaries.some((file) => file.includes(`@koromix/koffi-linux-${architectures[architecture]}/linux_`)),
      `the glibc binary is among ${binaries}`,
    );
    for (const file of binaries) {
      const header = readFileSync(join(context, file)).subarray(0, 20);
      assert.equal(header.subarray(0, 4).toString('latin1'), '\x7fELF', file);
      assert.equal(header.readUInt16LE(18), machines[architecture], file);
    }
  });

  test(`koffi's package for ${architecture} is of the version that the bundle was made with`, () => {
    const path = `agent/${architecture}/node_modules/@koromix/koffi-linux-${architectures[architecture]}/package.json`;
    const versionOf = (file: string) => (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    assert.equal(versionOf(join(context, path)), versionOf(join(root, 'node_modules/koffi/package.json')));
  });
}

test('the agent’s bundle, laid out as in its image, finds koffi and with it the kernel’s timing', async () => {
  const app = join(directory, 'app');
  const own = (Object.keys(architectures) as Architecture[]).find((name) => architectures[name] === process.arch);
  cpSync(join(context, 'agent', own ?? ''), app, { recursive: true });
  cpSync(join(context, 'agent/main.mjs'), join(app, 'main.mjs'));
  const agent = spawn(process.execPath, [join(app, 'main.mjs')], {
    env: { PORT: String(await freePort()), SETTINGS_FILE: join(app, 'none'), STATE_DIRECTORY: app },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    for await (const line of createInterface(agent.stdout)) {
      const entry = JSON.parse(line) as { msg: string; timing?: string };
      if (entry.msg !== 'agent started') continue;
      assert.equal(entry.timing, 'kernel');
      return;
    }
    assert.fail('the agent ended without having started');
  } finally {
    agent.kill('SIGKILL');
  }
});

test('the operator’s bundle runs without any package beside it', () => {
  const alone = join(directory, 'operator.mjs');
  cpSync(join(context, 'operator/main.mjs'), alone);
  const { status, stderr } = spawnSync(process.execPath, [alone, '--wrong'], { cwd: directory, encoding: 'utf8' });
  assert.match(stderr, /^net-exporter-operator: .*--wrong.*--kubeconfig/);
  assert.equal(status, 2);
});

test('equal sources give equal bytes', async () => {
  const again = join(directory, 'again');
  await build({ root, out: again, architectures: ['amd64', 'arm64'] });
  const files = globSync('**/*.{mjs,txt}', { cwd: context });
  assert.deepEqual(files.map((file) => basename(file)).sort(), [
    'LICENSES.txt',
    'LICENSES.txt',
    'main.mjs',
    'main.mjs',
  ]);
  for (const file of files) assert.deepEqual(readFileSync(join(again, file)), readFileSync(join(context, file)), file);
});

test('the licence of every package in a bundle goes with it', () => {
  for (const [part, packages] of Object.entries({
    agent: ['koffi', 'dns-packet', 'prom-client'],
    operator: ['cdk8s', 'undici'],
  })) {
    const text = readFileSync(join(context, part, 'LICENSES.txt'), 'utf8');
    for (const name of packages)
      assert.match(text, new RegExp(`^==== ${name} \\d+\\.\\d+\\.\\d+ \\((MIT|Apache-2\\.0)\\)\\n\\n\\S`, 'm'));
  }
});

test('no development dependency is in a bundle, and no byte of the dashboard or of its SDK', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const sdk = '@grafana/grafana-foundation-sdk';
  assert.ok(sdk in devDependencies);
  // Names of its classes and fields, and a variable of the dashboard's queries.
  const ofDashboard = /DashboardBuilder|DataqueryBuilder|schemaVersion|__rate_interval/;
  assert.match(
    readFileSync(join(root, 'node_modules', sdk, 'dist/dashboard/dashboardBuilder.gen.js'), 'utf8'),
    ofDashboard,
  );
  for (const part of ['agent', 'operator']) {
    const licences = readFileSync(join(context, part, 'LICENSES.txt'), 'utf8');
    const packages = [...licences.matchAll(/^==== (\S+) \d/gm)].map(([, name]) => name!);
    assert.ok(packages.length >= 3, part);
    assert.deepEqual(
      packages.filter((name) => name in devDependencies),
      [],
    );
    const text = readFileSync(join(context, part, 'main.mjs'), 'utf8');
    assert.ok(!ofDashboard.test(text), `${part}: ${ofDashboard.exec(text)?.[0]}`);
  }
});
