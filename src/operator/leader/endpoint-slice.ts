import { isIP } from 'node:net';
import { managerName } from '../../contract/agent-names.ts';
import { syncPortName, syncServiceName } from '../../contract/operator-names.ts';
import type { KubeObject } from '../kube/kube-object.ts';

/** An address and a port that agents reach this operator at. */
export interface Advertised {
  address: string;
  port: number;
}

/** The address in such an EndpointSlice; undefined if it has none. */
export function addressIn(slice: KubeObject | undefined): string | undefined {
  const endpoints = (slice?.endpoints ?? []) as { addresses?: string[] }[];
  const address = Array.isArray(endpoints) ? endpoints[0]?.addresses?.[0] : undefined;
  return typeof address === 'string' && isIP(address) !== 0 ? address : undefined;
}

/**
 * What makes the Service without selector lead to one operator (discovery.k8s.io/v1). It is ours alone: the label that
 * names its manager keeps the cluster's own controllers off it.
 */
export function leaderEndpointSlice({ address, port }: Advertised, namespace: string) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: syncServiceName,
      namespace,
      labels: {
        'kubernetes.io/service-name': syncServiceName,
        'endpointslice.kubernetes.io/managed-by': managerName,
      },
    },
    addressType: isIP(address) === 6 ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: syncPortName, port, protocol: 'TCP' }],
  };
}
