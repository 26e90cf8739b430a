import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Observations } from '../../../../src/operator/judge/observations.ts';
import { Scene, streamKinds } from '../../../../src/operator/judge/scene.ts';
import { type Channel, hasBad, Tallies } from '../../../../src/operator/judge/tally.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import type { Outcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import { sketchIndex } from '../../../../src/protocol/latency-sketch.ts';
import { judgeOptions } from './judged-fleet.ts';

const lookup: Link = {
  ...{ probe: 'dns', host: 'example.com.', server: '10.1.0.1:53', protocol: 'TCP' },
  ...{ type: 'A', node: '', zone: '' },
};

/** What is counted of a report, by channel; undefined where a channel has nothing bad. */
function countedOf(link: Link, kind: number, outcomes: Outcomes) {
  const observations = new Observations(judgeOptions, 0);
  observations.take({ agent: 'pod-1', zone: '', spanMs: 10_000, results: [[link, outcomes]] }, 0);
  const scene = new Scene(1);
  scene.size = 1;
  scene.kind[0] = kind;
  const of = (channel: Channel) => {
    if (!hasBad(channel, observations)) return undefined;
    const { attempts, bad } = new Tallies(scene, observations, judgeOptions, channel).of('whole');
    return `${bad[0]} of ${attempts[0]}`;
  };
  return { bad: of('bad'), answered: of('answered'), slow: of('slow') };
}

const latencies = (fast: number, slow: number, late = 0): Outcomes['latencies'] => [
  [sketchIndex(1e-3), fast],
  [sketchIndex(0.3), slow],
  [sketchIndex(1.01), late],
];

test('counts failures and retransmits, and of slow lookups those that lost packets do not explain', () => {
  const outcomes = { attempts: 10, failures: { timeout: 1 }, retransmits: 2, latencies: latencies(3, 4, 2) };
  assert.deepEqual(countedOf(lookup, streamKinds.server, outcomes), {
    bad: '3 of 10',
    answered: undefined,
    slow: '1 of 7',
  });
});

test('a channel without bad attempts has nothing', () => {
  const outcomes = { attempts: 10, failures: { nxdomain: 4 }, retransmits: 0, latencies: latencies(6, 0) };
  assert.deepEqual(countedOf(lookup, streamKinds.server, outcomes), {
    bad: undefined,
    answered: '4 of 10',
    slow: undefined,
  });
});

test('a refused connection is bad at a server, and not at a peer', () => {
  const outcomes = { attempts: 10, failures: { refused: 4 }, retransmits: 0, latencies: latencies(6, 0) };
  assert.equal(countedOf(lookup, streamKinds.server, outcomes).bad, '4 of 10');
  assert.equal(countedOf(lookup, streamKinds.peer, outcomes).bad, '0 of 10');
});
