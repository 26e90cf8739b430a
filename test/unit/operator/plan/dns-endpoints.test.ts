import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hash32 } from '../../../../src/base/hash.ts';
import { type AgentChange, DnsEndpoints, type DnsPods } from '../../../../src/operator/plan/dns-endpoints.ts';

const agentsOf = (count: number, salt = 0) => Array.from({ length: count }, (_, n) => `node-${salt}-${n}`);
const serversOf = (count: number, salt = 0) => Array.from({ length: count }, (_, n) => `10.${salt % 200}.0.${n}:53`);
const joining = (agents: readonly string[]): AgentChange[] => agents.map((name) => ({ name, present: true }));

function spread(agents: readonly string[], pods: DnsPods): DnsEndpoints {
  const endpoints = new DnsEndpoints('uid');
  endpoints.update(joining(agents), pods);
  return endpoints;
}

type Asked = Record<string, string[]>;

function askedOf(endpoints: DnsEndpoints, agents: Iterable<string>): Asked {
  return Object.fromEntries([...agents].map((name) => [name, [...endpoints.serversOf(name)]]));
}

const shapes = fc.record({
  agents: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.integer({ min: 41, max: 1500 })),
  servers: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 12 }) }, fc.integer({ min: 13, max: 200 })),
  perAgent: fc.integer({ min: 0, max: 16 }),
  salt: fc.nat(),
});

describe('DNS pods', () => {
  it('are asked by each agent as many as the spec says, each once', () => {
    fc.assert(
      fc.property(shapes, ({ agents, servers, perAgent, salt }) => {
        const names = agentsOf(agents, salt);
        const endpoints = spread(names, { servers: serversOf(servers), perAgent });
        for (const asked of Object.values(askedOf(endpoints, names))) {
          assert.equal(asked.length, Math.min(perAgent, servers));
          assert.equal(new Set(asked).size, asked.length);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are all asked by someone wherever there are agents enough, and as many as can be where there are not', () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), ({ agents, servers, perAgent, salt }, scarce) => {
        const count = scarce ? Math.min(servers, agents * perAgent) : servers;
        const names = agentsOf(agents, salt);
        const endpoints = spread(names, { servers: serversOf(count, salt), perAgent });
        const asked = new Set(Object.values(askedOf(endpoints, names)).flat());
        assert.equal(asked.size, Math.min(count, agents * perAgent));
      }),
      { numRuns: 120 },
    );
  });

  it('are asked by the same agents whatever was before, and every change is told', () => {
    const step = fc.record({
      agents: fc.array(fc.record({ number: fc.nat({ max: 11 }), present: fc.boolean() }), { maxLength: 4 }),
      servers: fc.subarray(serversOf(12)),
      perAgent: fc.integer({ min: 0, max: 4 }),
      reversed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
        const endpoints = new DnsEndpoints('uid');
        const agents = new Set<string>();
        let before: Asked = {};
        for (const { agents: changes, servers, perAgent, reversed } of steps) {
          const byName = new Map(changes.map(({ number, present }) => [`node-${number}`, present]));
          for (const [name, present] of byName)
            if (present) agents.add(name);
            else agents.delete(name);
          const listed = reversed ? servers.toReversed() : servers;
          const told = endpoints.update(
            [...byName].map(([name, present]) => ({ name, present })),
            { servers: listed, perAgent },
          );
          const after = askedOf(endpoints, agents);
          assert.deepEqual(after, askedOf(spread([...agents].reverse(), { servers, perAgent }), agents));
          const changed = [...agents].filter((name) => (before[name]?.join() ?? '') !== after[name]!.join());
          assert.deepEqual([...told].sort(), changed.sort());
          before = after;
        }
      }),
      { numRuns: 100 },
    );
  });

  it('that come and go by ones among many are asked as if they had always been there', () => {
    const agents = agentsOf(30);
    const all = serversOf(80);
    const step = fc.record({ toggled: fc.nat({ max: 79 }), perAgent: fc.constantFrom(2, 2, 2, 3) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const servers = new Set(all.slice(0, 40));
        const endpoints = spread(agents, { servers: [...servers], perAgent: 2 });
        for (const { toggled, perAgent } of steps) {
          if (!servers.delete(all[toggled]!)) servers.add(all[toggled]!);
          endpoints.update([], { servers: [...servers], perAgent });
          assert.deepEqual(
            askedOf(endpoints, agents),
            askedOf(spread(agents, { servers: [...servers], perAgent }), agents),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it('of the same hash are asked the same whichever came first', () => {
    const [one, other] = sameHash();
    const agents = agentsOf(1);
    const expected = askedOf(spread(agents, { servers: [one, other], perAgent: 1 }), agents);
    for (const first of [one, other]) {
      const endpoints = spread(agents, { servers: [first], perAgent: 1 });
      endpoints.update([], { servers: [one, other], perAgent: 1 });
      assert.deepEqual(askedOf(endpoints, agents), expected);
    }
  });

  it('cost little when one comes or goes, however many there are', () => {
    const agents = agentsOf(1000);
    const servers = Array.from({ length: 1000 }, (_, n) => `10.0.${n >> 8}.${n & 255}:53`);
    const endpoints = new DnsEndpoints('uid');
    const whole = elapsed(() => endpoints.update(joining(agents), { servers, perAgent: 2 }));
    const single = servers
      .slice(0, 10)
      .flatMap((gone) => [
        elapsed(() => endpoints.update([], { servers: servers.filter((server) => server !== gone), perAgent: 2 })),
        elapsed(() => endpoints.update([], { servers, perAgent: 2 })),
      ]);
    assert.ok(Math.min(...single) < whole / 4, `${Math.min(...single)} ms instead of ${whole} ms`);
  });

  it('are asked by about as many agents each, and one more or less concerns few', () => {
    const agents = agentsOf(1000);
    const servers = serversOf(10);
    const endpoints = spread(agents, { servers, perAgent: 2 });
    const askers = new Map<string, number>();
    for (const server of Object.values(askedOf(endpoints, agents)).flat())
      askers.set(server, (askers.get(server) ?? 0) + 1);
    assert.ok(
      [...askers.values()].every((count) => count > 150 && count < 250),
      [...askers.values()].join(),
    );
    const gone = servers[3]!;
    const changed = endpoints.update([], { servers: servers.filter((server) => server !== gone), perAgent: 2 });
    assert.equal(changed.size, askers.get(gone));
  });
});

/** Milliseconds. */
function elapsed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Two pods that no hash tells apart. */
function sameHash(): [string, string] {
  const known = new Map<number, string>();
  const seed = hash32('uid');
  for (let n = 0; ; n++) {
    const server = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}:53`;
    const hash = hash32(server, seed);
    const other = known.get(hash);
    if (other) return [other, server];
    known.set(hash, server);
  }
}
