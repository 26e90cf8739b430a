import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import {
  oneOf,
  parseCommandLine,
  positiveNumber,
  runScript,
  type Script,
  UsageError,
  wholeNumber,
} from '../../../src/base/command-line.ts';

const refusal = (message: string) => (error: Error) => error instanceof UsageError && error.message === message;

describe('options', () => {
  it('have their values, by = or after a space, and switches are false by default', () => {
    const { values, positionals } = parseCommandLine(
      ['up', '--name=a', '--nodes', '2', 'x'],
      ['name', 'nodes', 'seed', 'dual-stack'],
      2,
    );
    assert.deepEqual({ ...values }, { name: 'a', nodes: '2', 'dual-stack': false });
    assert.deepEqual(positionals, ['up', 'x']);
    assert.equal(parseCommandLine(['--dual-stack'], ['dual-stack']).values['dual-stack'], true);
  });

  for (const [args, message] of [
    [['--nmae', 'a'], 'unknown option --nmae'],
    [['--quick'], 'unknown option --quick'],
    [['-n', 'a'], 'unknown option -n'],
    [['--name'], '--name takes a value: --name NAME'],
    [['--name='], '--name takes a value: --name NAME'],
    [['--name', '--once'], '--name takes a value: --name NAME'],
    [['--once=yes'], '--once takes no value'],
    [['extra'], 'unexpected argument "extra"'],
    [['--constructor'], 'unknown option --constructor'],
  ] as const)
    it(`are refused: ${args.join(' ')}`, () => {
      assert.throws(() => parseCommandLine(args, ['name', 'once']), refusal(message));
    });
});

describe('values', () => {
  it('are whole numbers within bounds', () => {
    assert.equal(wholeNumber('nodes', '1', 1, 200), 1);
    assert.equal(wholeNumber('nodes', '200', 1, 200), 200);
    for (const text of ['x', '0', '201', '1.5', '-1', '', '1e2', ' 3'])
      assert.throws(
        () => wholeNumber('nodes', text, 1, 200),
        refusal(`--nodes takes a whole number from 1 to 200, not "${text}"`),
      );
  });

  it('are positive numbers up to a bound', () => {
    assert.equal(positiveNumber('minutes', '0.5', 60), 0.5);
    for (const text of ['0', '61', 'x', '', 'Infinity'])
      assert.throws(
        () => positiveNumber('minutes', text, 60),
        refusal(`--minutes takes a number above 0, up to 60, not "${text}"`),
      );
  });

  it('are one of several words', () => {
    assert.equal(oneOf('command', ['up', 'down'], 'down'), 'down');
    assert.throws(() => oneOf('command', ['up', 'down'], 'x'), refusal('unknown command "x"; it is one of: up, down'));
    assert.throws(() => oneOf('command', ['up', 'down']), refusal('the command is missing; it is one of: up, down'));
  });
});

describe('a script', () => {
  const printed: { log: unknown[]; error: unknown[] } = { log: [], error: [] };
  const run = mock.fn(async (args: string[]) => {
    parseCommandLine(args, ['name', 'nodes', 'quick'], 3);
    return 5;
  });
  const script: Script = { command: 'npm run cluster', usage: 'the usage', subjects: ['up', 'kubectl'], run };

  beforeEach(() => {
    run.mock.resetCalls();
    mock.method(console, 'log', (line: unknown) => printed.log.push(line));
    mock.method(console, 'error', (line: unknown) => printed.error.push(line));
  });
  afterEach(() => mock.restoreAll());

  /** What it prints and ends with. */
  async function outcome(args: string[], env: NodeJS.ProcessEnv = {}, changes: Partial<Script> = {}) {
    printed.log = [];
    printed.error = [];
    try {
      await runScript({ ...script, ...changes }, args, env);
      return { ...printed, exitCode: process.exitCode };
    } finally {
      process.exitCode = undefined;
    }
  }

  it('ends with the exit code that it returns', async () => {
    assert.deepEqual(await outcome(['up']), { log: [], error: [], exitCode: 5 });
  });

  for (const args of [['--help'], ['-h'], ['up', '--help'], ['up', '--name', 'a', '-h'], ['up', '--nmae', '--help']])
    it(`prints its usage and ends with 0, unless another option is wrong before: ${args.join(' ')}`, async () => {
      const { log, error, exitCode } = await outcome(args);
      if (args.includes('--nmae')) assert.equal(exitCode, 2);
      else assert.deepEqual({ log, error, exitCode }, { log: ['the usage'], error: [], exitCode: 0 });
    });

  it('says in a sentence what is wrong with its arguments, and how to see the usage, and ends with 2', async () => {
    const error = ['unknown option --nmae\nFor the usage: npm run cluster -- --help'];
    assert.deepEqual(await outcome(['up', '--nmae', 'a']), { log: [], error, exitCode: 2 });
  });

  it('prints the message of an error, or all of it where it was asked to, and ends with 1', async () => {
    const fault = new Error('no disk');
    const fails = { run: () => Promise.reject(fault) };
    assert.deepEqual(await outcome([], {}, fails), { log: [], error: ['no disk'], exitCode: 1 });
    assert.deepEqual(await outcome([], {}, { ...fails, isFault: () => true }), {
      log: [],
      error: [fault],
      exitCode: 1,
    });
  });

  for (const [args, env, names, command] of [
    // npm run cluster up --name a, which npm knows and so takes with its value
    [['up'], { npm_config_name: 'a' }, '--name', 'up --name a'],
    [['kubectl', 'get', 'nodes'], { npm_config_name: 'a' }, '--name', 'kubectl --name a get nodes'],
    // npm run cluster up --nodes 2 --dual-stack, which npm does not know
    [
      ['up', '2'],
      { npm_config_nodes: 'true', npm_config_dual_stack: 'true' },
      '--dual-stack and --nodes',
      'up --dual-stack --nodes 2',
    ],
    [['2'], { npm_config_nodes: 'true' }, '--nodes', '--nodes 2'],
    [['up'], { npm_config_nodes: '2' }, '--nodes', 'up --nodes 2'],
    [
      ['up', '2', '7'],
      { npm_config_nodes: 'true', npm_config_seed: 'true' },
      '--nodes and --seed',
      'up --nodes N --seed S',
    ],
    [[], { npm_config_quick: 'true' }, '--quick', '--quick'],
  ] as const)
    it(`refuses options that npm took, and runs nothing: ${command}`, async () => {
      const { error, exitCode } = await outcome([...args], env);
      assert.deepEqual(error, [
        `npm consumed ${names}. Put a script's options after --: npm run cluster -- ${command}\nFor the usage: npm run cluster -- --help`,
      ]);
      assert.equal(exitCode, 2);
      assert.equal(run.mock.callCount(), 0);
    });

  it('runs with what npm always has in the environment, and with options that are npm’s own', async () => {
    const env = {
      npm_config_yes: 'true',
      npm_config_user_agent: 'npm/11',
      npm_config_loglevel: 'warn',
      npm_config_name: '',
    };
    assert.equal((await outcome(['up'], env)).exitCode, 5);
  });
});
