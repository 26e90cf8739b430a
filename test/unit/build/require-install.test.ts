import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import packageJson from '../../../package.json' with { type: 'json' };

const root = join(import.meta.dirname, '../../..');
const program = 'build/require-install.cjs';

/** Nodes that a machine may have beside the one of the scripts, which cannot run them. */
const olderNodes = ['/usr/local/bin/node', '/usr/bin/node'].filter(
  (node) => existsSync(node) && majorOf(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout) < 26,
);

function majorOf(version: string): number {
  return Number(/^v(\d+)/.exec(version)?.[1]);
}

describe('a checkout', () => {
  let checkout: string;

  beforeEach(() => {
    checkout = mkdtempSync(join(tmpdir(), 'require-install-'));
    mkdirSync(join(checkout, 'build'));
    copyFileSync(join(root, program), join(checkout, program));
    wants('26.1.0');
    writeFileSync(join(checkout, 'main.ts'), "const answer: string = 'it runs';\nconsole.log(answer);\n");
  });
  afterEach(() => rmSync(checkout, { recursive: true }));

  function wants(node: string): void {
    writeFileSync(join(checkout, 'package.json'), JSON.stringify({ type: 'module', devDependencies: { node } }));
  }

  /** What npm ci makes, with Node's own scripts or without. */
  function install(node?: string): void {
    mkdirSync(join(checkout, 'node_modules/.bin'), { recursive: true });
    writeFileSync(join(checkout, 'node_modules/.package-lock.json'), '{}');
    // npm links programs that are not there, too.
    symlinkSync(node ?? '../node/bin/node', join(checkout, 'node_modules/.bin/node'));
  }

  function run(node = process.execPath) {
    const { status, stdout, stderr } = spawnSync(node, ['-r', `./${program}`, 'main.ts'], {
      cwd: checkout,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  }
  const refused = (stderr: string) => ({ status: 1, stdout: '', stderr: `${stderr}\n` });
  const runs = { status: 0, stdout: 'it runs\n', stderr: '' };

  it('runs its scripts once it is installed', () => {
    install(process.execPath);
    assert.deepEqual(run(), runs);
    assert.equal(spawnSync(process.execPath, [join(checkout, program)]).status, 0);
  });

  it('runs them on a new enough Node of the machine, where npm ran no install scripts', () => {
    install();
    assert.deepEqual(run(), runs);
  });

  it('says so where it is not installed', () => {
    const sentence = 'The dependencies are not installed. Run: npm ci';
    assert.deepEqual(run(), refused(sentence));
    const { status, stderr } = spawnSync(process.execPath, [join(checkout, program)], { encoding: 'utf8' });
    assert.deepEqual({ status, stderr }, { status: 1, stderr: `${sentence}\n` });
  });

  it('says so where it is installed in an older version', () => {
    wants('99.0.0');
    install(process.execPath);
    assert.deepEqual(run(), refused(`This needs Node 99, and node_modules has ${process.version}. Run: npm ci`));
  });

  for (const node of olderNodes)
    it(`says so also to ${node}`, () => {
      assert.deepEqual(run(node), refused('The dependencies are not installed. Run: npm ci'));
      install();
      const missing = 'Node 26 is missing from node_modules: npm ci ran without install scripts.';
      assert.deepEqual(run(node), refused(`${missing} Run: npm ci --ignore-scripts=false`));
      rmSync(join(checkout, 'node_modules'), { recursive: true });
      install(process.execPath);
      assert.match(
        run(node).stderr,
        /^This needs Node 26, which is in node_modules, but ran on v\d+\S+\. Start it by npm/,
      );
    });
});

describe('the scripts of package.json', () => {
  const { prestart, ...scripts } = packageJson.scripts;

  for (const [name, script] of Object.entries(scripts))
    it(`first look for what they need: ${name}`, () => {
      const looks =
        /^(exec node -r \.\/build\/require-install\.cjs|node build\/require-install\.cjs &&|npm run check &&) /;
      assert.match(script, looks);
      assert.match(prestart, /npm ci$/);
    });

  it('pass signals on to the programs: a shell between npm and a program does not', () => {
    for (const script of Object.values(scripts)) assert.match(script.split(' && ').at(-1) ?? '', /^exec /);
  });

  it('can be installed: every package with install scripts is allowed them or not', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    const withScripts = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript);
    assert.deepEqual(
      withScripts.map(([path]) => path.replace('node_modules/', '')).sort(),
      Object.keys(packageJson.allowScripts),
    );
    assert.equal(packageJson.allowScripts.node, true);
  });
});
