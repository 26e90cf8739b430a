import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JudgedFleet, type Probe, resolver } from './judged-fleet.ts';

const rounds = 16;

/** A fleet of which some agents lie. */
function lied(liars: readonly string[], isBad: (probe: Probe) => boolean): JudgedFleet {
  const fleet = new JudgedFleet(30).run(13);
  return fleet.run(rounds, (probe) => (liars.includes(probe.from) && isBad(probe) ? 'timeout' : undefined));
}

/** Subjects of all suspects that were ever raised. */
const raised = (fleet: JudgedFleet) => fleet.raised.map(({ kind, name }) => `${kind} ${name}`).sort();

test('an agent that lies about a node makes one link of its own suspect', () => {
  assert.deepEqual(raised(lied(['node-7'], ({ to }) => to === 'node-9')), ['Link node-7>node-9']);
});

test('an agent that lies about a DNS server makes its own way there suspect', () => {
  assert.deepEqual(raised(lied(['node-7'], ({ to }) => to === '10.1.0.1:53')), ['Link node-7>10.1.0.1:53']);
  assert.deepEqual(raised(lied(['node-7'], ({ to }) => to === resolver)), [`ServicePath node-7>${resolver}`]);
});

test('an agent that lies about a zone makes only links of its own suspect', () => {
  const fleet = new JudgedFleet(30);
  const zone = (name: string) => fleet.nodes.get(name)?.zone;
  for (const suspect of raised(lied(['node-7'], ({ to }) => zone(to) === 'zone-b')))
    assert.match(suspect, /^(Link node-7>|Link node-\d+<>node-7|Link node-7<>)/);
});

test('an agent that says that nothing works accuses itself', () => {
  assert.deepEqual(raised(lied(['node-7'], () => true)), ['Node node-7']);
});

test('a tenth of all agents, who lie about the same, make no node or server suspect', () => {
  const liars = ['node-7', 'node-8', 'node-20'];
  const links = liars.map((liar) => `Link ${liar}>node-9`);
  assert.deepEqual(raised(lied(liars, ({ to }) => to === 'node-9')), links.sort());
  const servers = liars.map((liar) => `Link ${liar}>10.1.0.1:53`);
  assert.deepEqual(raised(lied(liars, ({ to }) => to === '10.1.0.1:53')), servers.sort());
});
