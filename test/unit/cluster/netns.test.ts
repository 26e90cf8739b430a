import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { createNetns, inNetns, netnsFile, netnsNames, processesInNetns, removeNetns } from '../../cluster/netns.ts';
import { ownedName } from '../../cluster/owned-name.ts';

describe('a network namespace', () => {
  it('is there until it is removed, with the processes in it', async () => {
    const name = ownedName('test');
    await createNetns(name);
    try {
      assert.ok(netnsNames().includes(name));
      const [command = '', ...args] = inNetns(name, ['ip', '-o', 'link']);
      const links = execFileSync(command, args, { encoding: 'utf8' }).trim().split('\n');
      assert.equal(links.length, 1, 'nothing but its loopback interface');
      assert.deepEqual(processesInNetns(name), []);
      const [program = '', ...rest] = inNetns(name, ['cat']);
      const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
      child.stdin.write('inside\n');
      await once(child.stdout, 'data');
      assert.deepEqual(processesInNetns(name), [child.pid]);
      child.stdin.end();
      await once(child, 'close');
    } finally {
      removeNetns(name);
    }
    assert.equal(existsSync(netnsFile(name)), false);
    removeNetns(name);
  });

  it('of which only the file was made is removed too', () => {
    const name = ownedName('test');
    mkdirSync(dirname(netnsFile(name)), { recursive: true });
    writeFileSync(netnsFile(name), '');
    removeNetns(name);
    assert.equal(existsSync(netnsFile(name)), false);
  });

  // In a mount namespace of its own: on the machine `ip netns add` would leave /run/netns mounted onto itself.
  for (const [when, before, after] of [
    ['before', 'ip netns add nx-stranger', 'true'],
    ['after', 'true', 'ip netns add nx-stranger'],
  ] as const)
    it(`is removed wholly where someone used "ip netns add" ${when} it was made, also where it is mounted twice`, () => {
      const name = ownedName('test');
      const file = netnsFile(name);
      const program = (call: string) =>
        `"${process.execPath}" -e 'import("${import.meta.resolve('../../cluster/netns.ts')}").then((m) => m.${call}("${name}"))'`;
      const script = `
        set -e
        mount -t tmpfs none /run
        ${before}
        ${program('createNetns')}
        ${after}
        mount --bind ${file} ${file}
        ${program('removeNetns')}
        ip netns del nx-stranger
        if test -e ${file} || grep ${name} /proc/self/mountinfo; then exit 1; fi`;
      execFileSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], { stdio: 'pipe' });
    });
});
