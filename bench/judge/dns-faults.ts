import type { Fault } from './packets.ts';
import { type Expected, type Injected, inject } from './scenario.ts';
import type { Simulation } from './simulation.ts';

function serverExpected({ cluster }: Simulation, pod: number): Expected {
  return { kind: 'DNSServer', key: `DNSServer ${cluster.dnsPods[pod]!.address}` };
}

/** A DNS pod that does not answer this share of queries. */
export function silentDnsPod(simulation: Simulation, pod: number, share: number): Injected {
  const fault: Fault = { silence: (path) => (path.pod === pod ? share : 0) };
  return inject(simulation, [fault], [serverExpected(simulation, pod)], [simulation.cluster.dnsPods[pod]!.place]);
}

/** A DNS pod that answers late. */
export function slowDnsPod(simulation: Simulation, pod: number, seconds: number): Injected {
  const fault: Fault = { delay: (path) => (path.pod === pod ? seconds / 2 : 0) };
  return inject(simulation, [fault], [serverExpected(simulation, pod)], [simulation.cluster.dnsPods[pod]!.place]);
}

/** The DNS Service is slow from one node. */
export function slowResolver(simulation: Simulation, place: number, seconds: number): Injected {
  const fault: Fault = {
    delay: ({ client, via }) => (client === place && via === 'resolver' ? seconds / 2 : 0),
  };
  const { name } = simulation.cluster.nodeAt(place);
  return inject(simulation, [fault], [{ kind: 'ServicePath', key: `ServicePath ${name}` }], [place]);
}

/** One name has no answer at any server. */
export function brokenHost(simulation: Simulation, host: number, name: string): Injected {
  const answer = simulation.random.pick(['servfail', 'nxdomain'] as const);
  const fault: Fault = { answer: (path) => (path.host === host ? answer : undefined) };
  return inject(simulation, [fault], [{ kind: 'Host', key: `Host ${name}` }]);
}
