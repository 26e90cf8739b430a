import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { fleetMetrics } from '../../../src/contract/metrics/judgement-metrics.ts';
import { collectedMetric } from '../../../src/metrics/collected-metric.ts';
import { renderedPieces, renderRegistry } from '../../../src/metrics/exposition.ts';

const label = fc.oneof(fc.string(), fc.constantFrom('a"b', 'a\\nb', 'a\nb', '{}', 'é', ''));
const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, 1e21, 1e-9));

test('what is rendered is what prom-client renders, whatever labels and values are, also a second time', async () => {
  const operation = fc.record({ labels: fc.record({ host: label, zone: label }), value });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 12 }), fc.string({ minLength: 1 }), async (operations, help) => {
      const registry = new Registry();
      const registers = [registry];
      const labelNames = ['host', 'zone'] as const;
      const gauge = new Gauge({ name: 'gauge', help, labelNames, registers });
      const counter = new Counter({ name: 'counter_total', help, labelNames, registers });
      const histogram = new Histogram({ name: 'seconds', help, labelNames, buckets: [0.001, 0.5, 1, 10], registers });
      const bare = new Histogram({ name: 'bare_seconds', help, buckets: [1], registers });
      new Gauge({
        ...{ name: 'collected', help, registers },
        async collect() {
          this.set(operations.length);
        },
      });
      for (const { labels, value } of operations) {
        gauge.set(labels, value);
        counter.inc(labels, Math.abs(value));
        histogram.observe(labels, value);
        bare.observe(value);
        assert.equal(await renderRegistry(registry), await registry.metrics());
      }
      const [first] = operations;
      if (first) histogram.remove(first.labels);
      histogram.zero({ host: 'new', zone: '' });
      assert.equal(await renderRegistry(registry), await registry.metrics());
    }),
    { numRuns: 50 },
  );
});

test('infinite values, numbers as labels, and a registry without metrics are rendered as by prom-client', async () => {
  const registry = new Registry();
  assert.equal(await renderRegistry(registry), await registry.metrics());
  const gauge = new Gauge({ name: 'gauge', help: 'help', labelNames: ['n'], registers: [registry] });
  for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) gauge.set({ n: value }, value);
  gauge.set({ n: 10 }, 1);
  gauge.set({ n: 2 }, 2);
  assert.equal(await renderRegistry(registry), await registry.metrics());
});

test('what a metric throws while it collects is thrown', async () => {
  const registry = new Registry();
  new Gauge({
    ...{ name: 'gauge', help: 'help', registers: [registry] },
    collect() {
      throw new Error('cannot collect');
    },
  });
  await assert.rejects(renderRegistry(registry), /cannot collect/);
});

test('metrics whose values are kept elsewhere are rendered, too', async () => {
  const registry = new Registry();
  const { dnsLatency } = fleetMetrics;
  const labels = { namespace: 'n', netexporter: 'x', protocol: 'UDP', server: '10.0.0.1:53' };
  const buckets = [...dnsLatency.edges, Number.POSITIVE_INFINITY].map((_, index) => index);
  collectedMetric(dnsLatency, [registry], () => [{ labels, buckets, sum: 1.5 }]);
  new Gauge({ name: 'gauge', help: 'help', registers: [registry] }).set(2);
  assert.match(await renderRegistry(registry), /server="10.0.0.1:53"/);
  assert.equal(await renderRegistry(registry), await registry.metrics());
});

test('series by the thousand are rendered in pieces, of which none is large', async () => {
  const registry = new Registry();
  const { dnsLatency, dnsAttempts } = fleetMetrics;
  const buckets = [...dnsLatency.edges, Number.POSITIVE_INFINITY].map((_, index) => index);
  const labelsOf = (number: number) => ({ namespace: 'n', netexporter: 'x', protocol: 'UDP', server: `s${number}` });
  let read = 0;
  function* numbers() {
    for (let number = 0; number < 2000; number++) {
      read++;
      yield number;
    }
  }
  collectedMetric(dnsLatency, [registry], function* () {
    for (const number of numbers()) yield { labels: labelsOf(number), buckets, sum: number };
  });
  collectedMetric(dnsAttempts, [registry], function* () {
    for (const number of numbers()) yield { labels: labelsOf(number), value: number };
  });
  const gauge = new Gauge({ name: 'gauge', help: 'help', labelNames: ['n'], registers: [registry] });
  for (let n = 0; n < 5000; n++) gauge.set({ n }, n);
  let text = '';
  let most = 0;
  let longest = 0;
  for (const piece of renderedPieces(registry)) {
    most = Math.max(most, read);
    read = 0;
    text += await piece;
    longest = Math.max(longest, (await piece).length);
  }
  assert.equal(text, await registry.metrics());
  assert.ok(longest < 40_000, `${longest} characters`);
  assert.ok(most < 1000, `${most} series`);
});
