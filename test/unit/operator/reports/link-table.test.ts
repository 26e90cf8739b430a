import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Link, LinkTable } from '../../../../src/operator/reports/link-table.ts';

const peer: Link = {
  ...{ probe: 'network', host: '10.64.0.1:8000', server: '', protocol: 'TCP', type: '', node: 'node-1', zone: 'a' },
};

test('equal targets are one object for as long as somebody uses them', () => {
  const table = new LinkTable();
  const first = table.use({ ...peer });
  assert.equal(table.use({ ...peer }), first);
  table.release(first);
  assert.equal(table.size, 1);
  table.release(first);
  assert.equal(table.size, 0);
});

test('targets that differ in anything are apart', () => {
  const table = new LinkTable();
  const others = [
    { probe: 'ntp' },
    { host: '10.64.0.1:8001' },
    { server: '10.96.0.10:53' },
    { protocol: 'UDP' },
    { type: 'A' },
    { node: 'node-2' },
    { zone: 'b' },
    { node: '', zone: 'node-1' },
  ] as const;
  for (const other of [{}, ...others]) table.use({ ...peer, ...other });
  assert.equal(table.size, others.length + 1);
});
