import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KernelCallError } from '../../../../src/agent/kernel/kernel.ts';
import { socketFailure } from '../../../../src/agent/probes/socket-failure.ts';

const withCode = (code: string) => Object.assign(new Error(code), { code });

describe('socketFailure', () => {
  const expected = {
    refused: ['ECONNREFUSED'],
    reset: ['ECONNRESET', 'EPIPE'],
    timeout: ['ETIMEDOUT'],
    unreachable: [
      'EHOSTUNREACH',
      'ENETUNREACH',
      'EADDRNOTAVAIL',
      'EAFNOSUPPORT',
      'EACCES',
      'EPERM',
      'EINVAL',
      'EPROTO',
      'EMSGSIZE',
    ],
  };
  for (const [reason, codes] of Object.entries(expected))
    it(`calls ${codes.join(', ')} ${reason}`, () => {
      assert.deepEqual(
        codes.map((code) => socketFailure(withCode(code))),
        codes.map(() => reason),
      );
    });

  it('calls a datagram unreachable that could not be sent because a queue of this machine is full', () => {
    for (const code of ['ENOBUFS', 'EAGAIN']) {
      assert.equal(socketFailure(new KernelCallError('send', code)), 'unreachable');
      assert.equal(socketFailure(new KernelCallError('socket', code)), undefined);
      assert.equal(socketFailure(Object.assign(withCode(code), { syscall: 'connect' })), undefined);
    }
    assert.equal(socketFailure(new KernelCallError('send', 'ENOMEM')), undefined);
  });

  it('lays what the machine lacks, and what it does not know, on the agent', () => {
    for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EBADF', 'ERR_SOCKET_DGRAM_NOT_RUNNING'])
      assert.equal(socketFailure(withCode(code)), undefined);
    for (const error of [new Error('without a code'), undefined, null, 'text'])
      assert.equal(socketFailure(error), undefined);
  });
});
