import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { auditedRequests, endOf } from '../../../bench/audited-requests.ts';
import { ownedDirectory } from '../../cluster/owned-name.ts';

const user = 'system:serviceaccount:system:operator';

function line(verb: string, stage: string, resource: string, username = user, subresource?: string): string {
  const objectRef = { resource, ...(subresource && { subresource }) };
  return `${JSON.stringify({ auditID: '1', verb, stage, user: { username }, objectRef })}\n`;
}

describe('requests in the audit log', () => {
  it('are one user’s, behind the place where counting began, each once', async () => {
    const directory = ownedDirectory('test');
    try {
      const log = join(directory, 'audit.log');
      writeFileSync(log, line('list', 'ResponseComplete', 'pods'));
      const from = await endOf(log);
      const more = [
        line('list', 'ResponseComplete', 'pods'),
        line('watch', 'ResponseStarted', 'pods'),
        line('watch', 'ResponseComplete', 'pods'),
        line('patch', 'ResponseComplete', 'netexporters', user, 'status'),
        line('patch', 'ResponseComplete', 'netexporters', user, 'status'),
        line('get', 'ResponseComplete', 'pods', `${user}-2`),
        line('get', 'ResponseComplete', 'pods', 'admin'),
        line('get', 'ResponseComplete', 'pods').slice(0, 80),
      ];
      writeFileSync(log, more.join(''), { flag: 'a' });
      assert.deepEqual(
        await auditedRequests(log, from, user),
        new Map([
          ['list pods', 1],
          ['watch pods', 1],
          ['patch netexporters/status', 2],
        ]),
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
