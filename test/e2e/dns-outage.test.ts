import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, metricsOf } from './agents.ts';
import {
  deadline,
  type Environment,
  environment,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

const namespace = 'e2e-dns';
let env: Environment;
let agents: Agent[];

const scaleCoreDns = (replicas: number) =>
  env.kubectl(['scale', '-n', 'kube-system', 'deployment/coredns', `--replicas=${replicas}`]);

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  agents = await readyNetExporter(env, namespace, 'dns', { dns: quick, network: quick });
});

after(async () => {
  await removeNamespace(env.kubectl, namespace);
  await scaleCoreDns(2);
  await env.kubectl(['rollout', 'status', '-n', 'kube-system', 'deployment/coredns']);
});

/** Waits until `metric`, summed over its labels, has risen on every agent from what it is now. */
async function waitForRise(metric: string): Promise<void> {
  for (const agent of agents) {
    const from = (await metricsOf(agent)).sum(metric);
    await waitFor(`${metric} to rise on ${agent.pod}`, async () => (await metricsOf(agent)).sum(metric) > from, {
      timeout: deadline,
    });
  }
}

const errorsOf = (agent: Agent, metric: string) => metricsOf(agent).then((metrics) => metrics.sum(metric));

test('with CoreDNS gone, DNS errors rise on every agent while network probes go on', async (t) => {
  tellOnFailure(t, env, namespace);
  await waitForRise('dns_latency_seconds_count');
  await waitForRise('network_latency_seconds_count');
  await scaleCoreDns(0);
  await waitForRise('dns_resolve_error_total');
  await waitForRise('dns_failures_total');
  await waitForRise('network_latency_seconds_count');
  for (const agent of agents) {
    assert.equal(await errorsOf(agent, 'network_dial_error_total'), 0);
    assert.equal(await errorsOf(agent, 'dns_error_total'), 0, "an outage is not the agent's own fault");
  }

  await scaleCoreDns(2);
  // Recovered when a whole stretch of lookups has passed without one error.
  for (const agent of agents)
    await waitFor(
      `lookups without errors on ${agent.pod}`,
      async () => {
        const errors = await errorsOf(agent, 'dns_resolve_error_total');
        const lookups = await errorsOf(agent, 'dns_latency_seconds_count');
        await waitFor(
          'five more lookups',
          async () => (await errorsOf(agent, 'dns_latency_seconds_count')) >= lookups + 5,
          {
            timeout: deadline,
          },
        );
        return (await errorsOf(agent, 'dns_resolve_error_total')) === errors;
      },
      { timeout: deadline },
    );
});
