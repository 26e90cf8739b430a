import { readFileSync } from 'node:fs';

/**
 * The mount points in the text of /proc/PID/mountinfo (proc(5): field 5), in the order in which they were mounted. A
 * path that is mounted on more than once is in it as often.
 */
export function mountPoints(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): string[] {
  const decoded = (path: string) =>
    path.replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
  return mountinfo.split('\n').flatMap((line) => {
    const path = line.split(' ')[4];
    return path ? [decoded(path)] : [];
  });
}

/** The mount points below a folder, deepest first: so can they be unmounted one after the other. */
export function mountsBelow(directory: string, mountinfo?: string): string[] {
  return mountPoints(mountinfo)
    .filter((path) => path.startsWith(`${directory}/`))
    .sort((a, b) => b.length - a.length);
}
