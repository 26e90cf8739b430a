import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import { durationPattern, parseDuration } from '../../../src/base/durations.ts';
import { imagePattern } from '../../../src/crd/agent-spec.ts';
import { DnsHostSchema, dnsNamePattern, nameAdvice } from '../../../src/crd/dns-host.ts';
import { ratioPattern } from '../../../src/crd/health-spec.ts';
import { labelKeyPattern, labelValuePattern } from '../../../src/crd/label-maps.ts';
import { metricLabelPattern } from '../../../src/crd/metric-relabeling.ts';
import { NtpServerSchema } from '../../../src/crd/ntp-server.ts';
import { labelNamePattern, objectNamePattern } from '../../../src/crd/object-name.ts';
import { scrapeDurationPattern } from '../../../src/crd/scrape-spec.ts';
import { celString } from '../../../src/crd/validation-rule.ts';

const label63 = 'a'.repeat(63);

const cases: { about: string; pattern: string; taken: string[]; refused: string[] }[] = [
  {
    about: 'durations',
    pattern: durationPattern,
    taken: ['1s', '500ms', '1m30s', '1h', '999h999999m999999s999999ms'],
    refused: ['', '10', '1.5s', '-1s', '+1s', '1 s', '1d', '1us', 's', '1s1s1s1s1s', '1000000s', '1000h'],
  },
  {
    about: 'durations of scrapes',
    pattern: scrapeDurationPattern,
    taken: ['', '1s', '500ms', '1m30s', '1h', '999h99999m999999s999999ms'],
    refused: ['10', '1.5s', '-1s', '1 s', '1d', '1s1s', '30s1m', '1ms1s', '1000h', '1000000s'],
  },
  {
    about: 'labels of metrics',
    pattern: metricLabelPattern,
    taken: ['__name__', 'host', 'A1', '_'],
    refused: ['', '1a', 'a-b', 'a.b', 'a b', 'é'],
  },
  {
    about: 'DNS names',
    pattern: dnsNamePattern,
    taken: [
      'example.com',
      'example.com.',
      'kubernetes',
      '_sip._tcp.example.com',
      'xn--bcher-kva.example',
      `${label63}.a`,
    ],
    refused: [
      '',
      '.',
      'a..b',
      '.a',
      'https://a',
      'a:53',
      '*.a',
      '-a.b',
      'a-.b',
      'bücher.example',
      'a b',
      `${label63}a.b`,
    ],
  },
  {
    about: 'image references',
    pattern: imagePattern,
    taken: [
      'agent',
      'ghcr.io/net-exporter/net-exporter-agent:0.1.0',
      'localhost:5000/a/b-c__d:v1.2_3-x',
      `registry.example.com/agent@sha256:${'0a'.repeat(32)}`,
      `registry.example.com/agent:1@sha256:${'0a'.repeat(32)}`,
      '[fd00::1]:5000/agent:1',
    ],
    refused: ['', ' ', 'a b', 'https://ghcr.io/a', 'a:', 'a@sha256', '/a', 'a/', 'a/B', 'a:1 ', `a:${'t'.repeat(129)}`],
  },
  {
    about: 'label keys',
    pattern: labelKeyPattern,
    taken: ['team', 'example.com/team', 'kubernetes.io/os', 'a.b_c-d', 'A', label63],
    refused: ['', 'a b', '/a', 'a/', 'a/b/c', 'Example.com/a', '-a', 'a-', `${label63}a`],
  },
  {
    about: 'label values',
    pattern: labelValuePattern,
    taken: ['', 'a', 'A_b.c-9', label63],
    refused: ['a b', '-a', 'a-', 'a/b', `${label63}a`],
  },
  {
    about: 'object names',
    pattern: objectNamePattern,
    taken: ['system-node-critical', 'a.b-c', '1'],
    refused: ['', 'A', 'a_b', '-a', 'a-', 'a..b', 'a.'],
  },
  {
    about: 'names of namespaces and Services',
    pattern: labelNamePattern,
    taken: ['kube-system', 'kube-dns', '1', label63],
    refused: ['', 'A', 'a.b', '-a', 'a-', 'a_b', `${label63}a`],
  },
  {
    about: 'shares',
    pattern: ratioPattern,
    taken: ['0', '0.05', '1', '1.0', '0.000001'],
    refused: ['', '5%', '.05', '1.1', '2', '-0.1', '0,05', '1e-2', '0.', '0.0000001'],
  },
];

for (const { about, pattern, taken, refused } of cases)
  test(`${about} are taken when well formed and refused when not`, () => {
    const expression = new RegExp(pattern);
    for (const text of taken) assert.match(text, expression);
    for (const text of refused) assert.doesNotMatch(text, expression);
  });

test('whoever writes a name that DNS does not have is told how long labels may be and what punycode is', () => {
  assert.match(nameAdvice, new RegExp(`as punycode, such as ${domainToASCII('münchen.de')} for münchen\\.de$`));
  for (const schema of [DnsHostSchema, NtpServerSchema]) {
    const [{ message }] = (schema as unknown as { 'x-kubernetes-validations': [{ message: string }] })[
      'x-kubernetes-validations'
    ];
    assert.ok(message.includes(nameAdvice) && message.includes('at most 63 characters'), message);
  }
});

test('every duration that the contract takes is one to the protocol, and within what Go can hold', () => {
  const part = fc.oneof(
    fc.tuple(fc.integer({ min: 0, max: 999_999 }), fc.constantFrom('ms', 's', 'm')),
    fc.tuple(fc.integer({ min: 0, max: 999 }), fc.constant('h')),
  );
  const longestMs = 2 ** 63 / 1e6;
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      const text = parts.flat().join('');
      assert.match(text, new RegExp(durationPattern));
      assert.ok(text.length <= 32);
      assert.ok(parseDuration(text) < longestMs);
    }),
  );
});

test('every duration of scrapes is one that Prometheus takes and within what Go can hold', () => {
  // https://github.com/prometheus-operator/prometheus-operator: the pattern of Duration.
  const ofPrometheus = /^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$/;
  fc.assert(
    fc.property(fc.stringMatching(new RegExp(scrapeDurationPattern)), (text) => {
      assert.match(text, ofPrometheus);
      if (text !== '') assert.match(text, new RegExp(durationPattern));
    }),
  );
});

test('a text becomes a CEL string of the same text', () => {
  // CEL's escapes for these characters are those of JavaScript.
  const value = (literal: string) =>
    JSON.parse(`"${literal.slice(1, -1).replaceAll('"', '\\"').replaceAll("\\'", "'")}"`);
  for (const text of ["it's", '\\.', 'a"b', String.raw`^\[x\]$`]) assert.equal(value(celString(text)), text);
});
