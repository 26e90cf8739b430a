import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suspectKinds, suspectReasons } from '../../../../src/contract/suspects.ts';
import { type EvidenceParts, evidenceOf } from '../../../../src/operator/judge/evidence.ts';

const hard: EvidenceParts = {
  kind: 'Node',
  name: 'node-7',
  reason: 'Unreachable',
  attempts: 31,
  bad: 31,
  ofWindow: false,
  elsewhere: 0.001,
  failing: 'timeout',
  witnesses: 10,
  seeing: 10,
  links: 10,
  badLinks: 10,
  isSlow: false,
  isHard: true,
  windowSeconds: 120,
  nowSeconds: 30,
};
const soft: EvidenceParts = { ...hard, reason: 'Loss', attempts: 2110, bad: 485, isHard: false, ofWindow: true };

const sentences: [EvidenceParts, string][] = [
  [
    { ...hard, notReady: true },
    'Node node-7 cannot be reached: 10 of 10 peers fail (31 of 31 probes in 30 s timed out); its Node is NotReady.',
  ],
  [
    { ...hard, reason: 'Inbound', direction: 'in', otherWay: { reached: 9, peers: 10 } },
    'Node node-7 cannot be reached: 10 of 10 peers fail (31 of 31 probes in 30 s timed out); it reaches 9 of 10 peers.',
  ],
  [
    { ...hard, reason: 'Outbound', direction: 'out', otherWay: { reached: 10, peers: 10 } },
    'Node node-7 cannot reach others: connections that it opens to 10 of 10 peers fail (31 of 31 probes in 30 s timed out); 10 of 10 peers reach it.',
  ],
  [
    { ...soft, direction: 'all' },
    'Node node-7 loses packets: 23 % of 2,110 probes from and to it needed a retransmit or failed, 0.1 % elsewhere.',
  ],
  [
    { ...soft, reason: 'Slow', isSlow: true },
    'Node node-7 is slow: 23 % of 2,110 probes from and to it took too long, 0.1 % elsewhere.',
  ],
  [{ ...hard, reason: 'Rebooted' }, 'Node node-7 rebooted: 31 of 31 probes in 30 s timed out.'],
  [
    { ...hard, kind: 'Link', name: 'node-3>node-9', attempts: 5, bad: 5, endReachedBy: 9, startReaches: 9 },
    'Link node-3 → node-9: 5 of 5 probes in 30 s timed out; node-9 is reached by 9 others, node-3 reaches 9 others.',
  ],
  [
    { ...hard, kind: 'ServicePath', name: 'node-3>agents', startReaches: 10 },
    "Node node-3 cannot use the agents' Service: 31 of 31 probes in 30 s timed out; node-3 reaches 10 peers directly.",
  ],
  [
    { ...soft, kind: 'ZonePair', name: 'a<>b', links: 220, badLinks: 214 },
    'Zones a ↔ b: 23 % of 2,110 probes between them needed a retransmit or failed, 0.1 % elsewhere, on 214 of 220 links.',
  ],
  [
    { ...soft, kind: 'Zone', name: 'a', links: 220, badLinks: 214 },
    'Zone a: 23 % of 2,110 probes across its border needed a retransmit or failed, 0.1 % elsewhere, on 214 of 220 links.',
  ],
  [
    {
      ...{ ...hard, kind: 'DNSServer', name: '10.0.3.7:53', attempts: 48, bad: 48, witnesses: 12 },
      ...{ pod: 'coredns-x', podNode: 'node-4', resolver: { address: '10.96.0.10:53', pods: 3 } },
      otherPods: { answering: 2, pods: 2 },
    },
    'DNS server 10.0.3.7:53 (coredns-x on node-4): 48 of 48 lookups by 12 nodes timed out; 2 of 2 other pods answer; 1 of 3 lookups at 10.96.0.10:53 is affected.',
  ],
  [
    { ...hard, kind: 'Host', name: 'example.com.', failing: 'answered' },
    'Host example.com.: 31 of 31 lookups by 10 nodes were answered with an error at all DNS servers.',
  ],
];

for (const [parts, sentence] of sentences)
  test(`a sentence about ${parts.kind} ${parts.reason}`, () => assert.equal(evidenceOf(parts), sentence));

const subjectOf: Record<EvidenceParts['kind'], [name: string, beginning: string]> = {
  Node: ['node-7', 'Node node-7 '],
  Link: ['n1<>n2', 'Link n1 ↔ n2: '],
  ServicePath: ['n1>10.96.0.10:53', 'Node n1 cannot use the Service 10.96.0.10:53: '],
  ZonePair: ['a>b', 'Zones a → b: '],
  Zone: ['a', 'Zone a: '],
  DNSServer: ['[fd00::a]:53', 'DNS server [fd00::a]:53: '],
  Host: ['example.com.', 'Host example.com.: '],
};
for (const kind of suspectKinds)
  for (const reason of suspectReasons)
    test(`a sentence about ${kind} with the reason ${reason} is one, with the name and numbers`, () => {
      const [name, beginning] = subjectOf[kind];
      for (const isHard of [true, false])
        for (const direction of ['all', 'in', 'out'] as const) {
          const parts = { ...(isHard ? hard : soft), kind, name, reason, direction, isSlow: reason === 'Slow', isHard };
          const sentence = evidenceOf(parts);
          if (reason !== 'Rebooted') assert.ok(sentence.startsWith(beginning), sentence);
          assert.match(sentence, /[^.]\.$/);
          assert.match(sentence, /\d[\d,]* (of|probes)/);
          assert.doesNotMatch(sentence, /undefined|NaN|\$\{/);
        }
    });

test('a sentence about the longest names fits into a status, without the end of its numbers being cut off', () => {
  const end = 'x'.repeat(125);
  for (const kind of ['Link', 'ZonePair', 'ServicePath'] as const) {
    const sentence = evidenceOf({ ...hard, kind, name: `${end}<>${end}`, endReachedBy: 9, startReaches: 9 });
    assert.ok(sentence.length <= 1000, `${sentence.length}`);
    assert.doesNotMatch(sentence, /undefined/);
  }
});
