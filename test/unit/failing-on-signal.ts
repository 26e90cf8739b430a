/** Put together at run time: the code of a `data:` URL is in its stacks. */
const secret = "['Bearer opaque', 'token', '4711'].join('-')";

/** What may go wrong in a process without anything that handles it, each with a credential in its message. */
export const unhandled = {
  exception: `setImmediate(() => { throw new Error(${secret}) })`,
  rejection: `void Promise.reject(new TypeError(${secret}))`,
  'exception that is no error': `setImmediate(() => { throw ${secret} })`,
  'rejection that is no error': `void Promise.reject({ header: ${secret} })`,
} as const;

/** Arguments with which Node runs a program in which this goes wrong when it gets SIGUSR2. */
export function failingOnSignal(code: string): string[] {
  return ['--import', `data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', () => { ${code} });`)}`];
}
