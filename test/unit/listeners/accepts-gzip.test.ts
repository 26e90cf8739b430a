import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptsGzip } from '../../../src/listeners/accepts-gzip.ts';

test('gzip is taken when its weight is above zero', () => {
  for (const header of ['gzip', 'deflate, gzip', 'GZIP;q=0.5', 'br;q=0, gzip ; q=1.0'])
    assert.ok(acceptsGzip(header), header);
  for (const header of [undefined, '', 'identity', 'gzip;q=0', 'gzip; q=0.000', 'x-gzippy'])
    assert.ok(!acceptsGzip(header), `${header}`);
});
