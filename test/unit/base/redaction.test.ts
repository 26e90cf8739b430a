import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutSecrets } from '../../../src/base/redaction.ts';

for (const [what, text, expected] of [
  [
    'a bearer token',
    'header Authorization: Bearer s3cr.e-t~/+= was bad',
    'header Authorization: Bearer [redacted] was bad',
  ],
  ['a bearer token in JSON', '{"authorization":"bearer abc","a":1}', '{"authorization":"bearer [redacted]","a":1}'],
  ['a basic credential', 'Basic dXNlcjpwYXNz', 'Basic [redacted]'],
  ['a JSON Web Token', 'token eyJhbGciOi.eyJpc3Mi.c2ln expired', 'token [redacted] expired'],
  ['a token after a dash', 'x-eyJhbGciOi.eyJpc3Mi.c2ln', 'x-[redacted]'],
  ['a token after other words with dots', 'a.b.eyJhbGciOi.eyJpc3Mi.c2ln is bad', 'a.b.[redacted] is bad'],
  ['an encrypted token, of five parts', 'eyJhbGciOi.k.i.c.t', '[redacted]'],
  [
    'a password in a URL',
    'GET https://user:hunter2@10.0.0.1:6443/api failed',
    'GET https://[redacted]@10.0.0.1:6443/api failed',
  ],
] as const)
  test(`${what} is taken out`, () => assert.equal(withoutSecrets(text), expected));

for (const text of [
  'pods "a" is forbidden: User "system:serviceaccount:n:a" cannot list resource "pods"',
  'connect ECONNREFUSED 127.0.0.1:6443',
  'Service a already exists and has no controller. Rename or delete it.',
  'GET https://10.0.0.1:6443/apis/apps/v1?labelSelector=a%3Db',
])
  test(`nothing is taken out of: ${text}`, () => assert.equal(withoutSecrets(text), text));

const mebibyte = 1024 * 1024;

for (const part of ['-eyJa', 'a.-eyJa', 'eyJa.', '//', '//a', 'bearer ', 'Bearer  \t', 'a-b'])
  test(`a mebibyte of ${JSON.stringify(part)} is searched in less than 5 s: quadratic time would be minutes`, () => {
    const from = performance.now();
    withoutSecrets(part.repeat(mebibyte / part.length));
    assert.ok(performance.now() - from < 5000);
  });
