import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { systemClock } from '../../../src/base/clock.ts';
import { Slices } from '../../../src/base/slices.ts';
import { gzipInSlices } from '../../../src/listeners/sliced-gzip.ts';

for (const bytes of [0, 1, 524_288, 524_289, 3_000_000])
  test(`what is compressed of ${bytes} bytes is one member that unpacks to the same`, async () => {
    const text = Buffer.concat([randomBytes(bytes >> 1), Buffer.alloc(bytes - (bytes >> 1), 'metric 1\n')]);
    const gzip = await gzipInSlices(text, new Slices(systemClock, 0));
    assert.ok(gunzipSync(gzip).equals(text));
    // A reader of one member ignores what comes after it.
    const first = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
    const pieces: Buffer[] = [];
    for await (const piece of first.end(gzip)) pieces.push(piece);
    assert.equal(Buffer.concat(pieces).length, bytes);
    assert.equal(first.bytesWritten, gzip.length);
  });
