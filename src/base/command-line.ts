import { parseArgs } from 'node:util';

/**
 * Options of all npm scripts. `value` is the placeholder in usages. npm 11 consumes options before `--` and puts them
 * into the environment of the script. `npmOwn` options are also there if users have configured npm so. Names of
 * deprecated npm options, such as `only`, must not be used: npm drops them silently.
 */
const knownOptions = {
  check: { type: 'boolean' },
  cluster: { type: 'string', value: 'CLUSTER' },
  'dual-stack': { type: 'boolean' },
  faults: { type: 'string', value: 'NAME,…' },
  'ip-family': { type: 'string', value: 'FAMILY' },
  kubeconfig: { type: 'string', value: 'FILE' },
  kubernetes: { type: 'string', value: 'VERSION' },
  minutes: { type: 'string', value: 'N' },
  name: { type: 'string', value: 'NAME' },
  nodes: { type: 'string', value: 'N' },
  once: { type: 'boolean' },
  quick: { type: 'boolean' },
  sections: { type: 'string', value: 'SECTION,…' },
  seed: { type: 'string', value: 'S' },
  sequences: { type: 'string', value: 'N' },
  yes: { type: 'boolean', npmOwn: true },
} as const;

export type OptionName = keyof typeof knownOptions;
type Value<Name extends OptionName> = (typeof knownOptions)[Name]['type'] extends 'string'
  ? string | undefined
  : boolean;

/** An npm script that reads its own arguments. */
export interface Script {
  /** The command as users type it: `npm run cluster`. */
  command: string;
  usage: string;
  /** Allowed first arguments, such as subcommands. */
  subjects?: readonly string[];
  /** Returns the exit code. */
  run: (args: string[]) => Promise<number>;
  /** Whether an error is printed with its stack and causes, because the script is at fault. None by default. */
  isFault?: (error: unknown) => boolean;
}

/** Invalid arguments; the message says why. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** `--help` or `-h` was given. */
class HelpRequest extends Error {}

/**
 * Runs a script with the arguments of this process and sets the exit code: 0 with the usage for `--help`, 2 for invalid
 * arguments, 1 for any other error.
 */
export async function runScript(script: Script, args = process.argv.slice(2), env = process.env): Promise<void> {
  // A reader of the output that goes away, such as `head`, must not end the process before its clean-up.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    const swallowed = optionsTakenByNpm(script, args, env);
    if (swallowed !== undefined) throw new UsageError(swallowed);
    if (isHelp(args[0])) throw new HelpRequest();
    process.exitCode = await script.run(args);
  } catch (error) {
    if (error instanceof HelpRequest) {
      console.log(script.usage);
      process.exitCode = 0;
    } else if (error instanceof UsageError) {
      console.error(`${error.message}\nFor the usage: ${script.command} -- --help`);
      process.exitCode = 2;
    } else {
      console.error(error instanceof Error && !script.isFault?.(error) ? error.message : error);
      process.exitCode = 1;
    }
  }
}

/**
 * Parses options and positional arguments. `--help` or `-h` makes `runScript` print the usage.
 * @throws UsageError for an unknown option, a missing or superfluous value, or more than `maximum` positional arguments
 */
export function parseCommandLine<Name extends OptionName>(
  args: readonly string[],
  names: readonly Name[],
  maximum = 0,
): { values: { [Each in Name]: Value<Each> }; positionals: string[] } {
  const options = Object.fromEntries(names.map((name) => [name, { type: knownOptions[name].type }]));
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values: Record<string, string | boolean> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (isHelp(rawName)) throw new HelpRequest();
    if (!Object.hasOwn(options, name) || rawName !== `--${name}`) throw new UsageError(`unknown option ${rawName}`);
    const known: { type: string; value?: string } = knownOptions[name as Name];
    if (known.value === undefined && value !== undefined) throw new UsageError(`${rawName} takes no value`);
    if (known.value !== undefined && (value === undefined || value === '' || (!inlineValue && value.startsWith('-'))))
      throw new UsageError(`${rawName} takes a value: ${rawName} ${known.value}`);
    values[name] = value ?? true;
  }
  if (positionals.length > maximum) throw new UsageError(`unexpected argument "${positionals[maximum]}"`);
  for (const name of names) if (knownOptions[name].type === 'boolean') values[name] ??= false;
  return { values: values as { [Each in Name]: Value<Each> }, positionals };
}

export function isHelp(argument: string | undefined): boolean {
  return argument === '--help' || argument === '-h';
}

/** @throws UsageError if the text is not a whole number from `minimum` to `maximum` */
export function wholeNumber(option: OptionName, text: string, minimum: number, maximum: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= minimum && number <= maximum) return number;
  throw new UsageError(`--${option} takes a whole number from ${minimum} to ${maximum}, not "${text}"`);
}

/** @throws UsageError if the text is not a number above 0, up to `maximum` */
export function positiveNumber(option: OptionName, text: string, maximum: number): number {
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (number > 0 && number <= maximum) return number;
  throw new UsageError(`--${option} takes a number above 0, up to ${maximum}, not "${text}"`);
}

/** @throws UsageError if the text is not one of the subjects; `what` is their name in the message */
export function oneOf<Subject extends string>(what: string, subjects: readonly Subject[], text?: string): Subject {
  const subject = subjects.find((each) => each === text);
  if (subject !== undefined) return subject;
  const wrong = text === undefined ? `the ${what} is missing` : `unknown ${what} "${text}"`;
  throw new UsageError(`${wrong}; it is one of: ${subjects.join(', ')}`);
}

/** `1 node`, `3 nodes`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/**
 * Error message if npm consumed options because there was no `--` before them: otherwise `npm run cluster down --name
 * a` would delete another cluster. npm 11 leaves the value of an unknown option among the arguments.
 */
function optionsTakenByNpm(
  { command, subjects = [] }: Script,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): string | undefined {
  const taken: { name: string; value: string | undefined; lost: boolean }[] = [];
  for (const [name, known] of Object.entries(knownOptions)) {
    const value = env[`npm_config_${name.replaceAll('-', '_')}`];
    if (value === undefined || value === '' || 'npmOwn' in known) continue;
    const lost = 'value' in known && value === 'true';
    taken.push({ name: `--${name}`, value: 'value' in known ? (lost ? known.value : value) : undefined, lost });
  }
  if (taken.length === 0) return undefined;
  const subject = args.slice(0, subjects.includes(args[0] ?? '') ? 1 : 0);
  let rest = args.slice(subject.length);
  const lost = taken.filter((option) => option.lost);
  if (lost.length === 1 && rest.length === 1) [lost[0]!.value] = rest;
  if (lost.length > 0) rest = [];
  const options = taken.map(({ name, value }) => (value === undefined ? name : `${name} ${value}`));
  const names = taken.map(({ name }) => name).join(' and ');
  return `npm consumed ${names}. Put a script's options after --: ${[command, '--', ...subject, ...options, ...rest].join(' ')}`;
}
