import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
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
