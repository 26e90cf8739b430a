import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { describe, it } from 'node:test';
import {
  type DaemonSet,
  nodeName,
  podAddress,
  podName,
  runningStatus,
  simulatedPod,
} from '../../../bench/simulated-objects.ts';
import { agentObjects } from '../../../charts/agent/agent.ts';
import { agentPodOf } from '../../../src/operator/agents/agent-pod.ts';
import { settingsOf } from '../../../src/operator/agents/settings-of.ts';
import { netExporter } from '../operator/net-exporter-builder.ts';

/** A DaemonSet as the operator makes it. */
function daemonSet(): DaemonSet {
  const resource = netExporter();
  const objects = agentObjects(resource, {
    image: 'example.com/agent:1',
    settings: settingsOf(resource, []),
    podMonitor: false,
  });
  const object = objects.find(({ kind }) => kind === 'DaemonSet')!;
  return { ...object, metadata: { ...object.metadata, uid: 'd1', generation: 1 } } as unknown as DaemonSet;
}

describe('simulated objects', () => {
  it('have names and addresses of their own, up to 5,000 nodes', () => {
    const numbers = Array.from({ length: 5000 }, (_, index) => index + 1);
    const set = daemonSet();
    for (const name of [nodeName, podAddress, (number: number) => podName(set, number)])
      assert.equal(new Set(numbers.map(name)).size, 5000);
    for (const number of [1, 5000]) {
      assert.ok(isIPv4(podAddress(number)));
      const second = Number(podAddress(number).split('.')[1]);
      assert.ok(second >= 64 && second < 128);
    }
  });

  it('are pods in which the operator sees its own agents, well', () => {
    const set = daemonSet();
    const pod = { ...simulatedPod(set, 7), ...runningStatus(set, 7, true) } as never;
    const { owner, controller, node, fault } = agentPodOf(pod);
    assert.deepEqual([owner, controller, node, fault], ['monitoring/default', 'd1', 'sim-00007', undefined]);
  });
});
