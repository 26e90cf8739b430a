import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AgentRuntime, agentNetwork } from '../../../../charts/agent/agent.ts';
import { dnsPortsIn } from '../../../../charts/agent/agent-network-policy.ts';
import { agentSelector } from '../../../../src/contract/agent-names.ts';
import { operatorSelector } from '../../../../src/contract/operator-names.ts';
import type { NetExporterSpec } from '../../../../src/crd/net-exporter.ts';
import { netExporter } from '../../operator/net-exporter-builder.ts';

interface Rule {
  to?: Record<string, unknown>[];
  from?: Record<string, unknown>[];
  ports: { protocol: string; port: number | string }[];
}

interface PolicySpec {
  podSelector: object;
  policyTypes: string[];
  ingress: Rule[];
  egress?: Rule[];
}

type Known = Pick<AgentRuntime, 'nameservers' | 'syncAccess' | 'formerPorts' | 'dnsPorts'>;

function policy(change: (spec: NetExporterSpec) => void, known?: Known): PolicySpec {
  const objects = agentNetwork(netExporter(change), { podMonitor: false, ...known });
  return objects.find(({ kind }) => kind === 'NetworkPolicy')?.spec as PolicySpec;
}

const strict = (change: (spec: NetExporterSpec) => void = () => {}, known?: Known) =>
  policy((spec) => {
    spec.monitoring.networkPolicy = 'Strict';
    change(spec);
  }, known);

/** The rules with this block of addresses among their destinations. */
const towards = (cidr: string, { egress }: PolicySpec) =>
  egress!.filter(({ to }) => to?.some(({ ipBlock }) => (ipBlock as { cidr: string } | undefined)?.cidr === cidr));

const agentPorts = ['TCP', 'UDP'].map((protocol) => ({ protocol, port: 8000 }));
const both = (port: number) => ['UDP', 'TCP'].map((protocol) => ({ protocol, port }));

test('with Ingress everyone reaches the agents’ ports and nothing else of them, and what they send is not judged', () => {
  const { podSelector, policyTypes, ingress, egress } = policy(() => {});
  assert.deepEqual(podSelector, { matchLabels: agentSelector('default') });
  assert.deepEqual(policyTypes, ['Ingress']);
  assert.deepEqual(ingress, [{ ports: agentPorts }]);
  assert.equal(egress, undefined);
});

test('while a change of the port rolls out, the policy allows the new number and the former ones', () => {
  for (const networkPolicy of ['Ingress', 'Strict'] as const) {
    const { ingress, egress } = policy(
      (spec) => {
        spec.agent.port = 9100;
        spec.monitoring.networkPolicy = networkPolicy;
      },
      { formerPorts: [8000, 9100] },
    );
    const ports = [9100, 8000].flatMap((port) => ['TCP', 'UDP'].map((protocol) => ({ protocol, port })));
    assert.deepEqual(ingress, [{ ports }]);
    if (networkPolicy === 'Strict') assert.deepEqual(egress![0]!.ports, ports);
  }
});

test('with Strict the way in is the same, and out it goes to agents, DNS and the operator only', () => {
  const { podSelector, policyTypes, ingress, egress } = strict();
  assert.deepEqual(podSelector, { matchLabels: agentSelector('default') });
  assert.deepEqual(policyTypes, ['Ingress', 'Egress']);
  assert.deepEqual(ingress, policy(() => {}).ingress);
  assert.deepEqual(egress, [
    { to: [{ podSelector: { matchLabels: agentSelector('default') } }], ports: agentPorts },
    {
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }],
      ports: [...both(53), { protocol: 'UDP', port: 'dns' }, { protocol: 'TCP', port: 'dns-tcp' }],
    },
    { to: [{ ipBlock: { cidr: '169.254.0.0/16' } }], ports: both(53) },
    {
      to: [{ namespaceSelector: {}, podSelector: { matchLabels: operatorSelector } }],
      ports: [{ protocol: 'TCP', port: 8443 }],
    },
  ]);
});

test('the operator is reached at its Service’s addresses, too, of either family, and at no other port', () => {
  const addresses = ['10.96.0.9:8443', '[fd00::9]:8443'];
  const { egress } = strict(undefined, { syncAccess: { version: 1, addresses, serverName: 'operator', ca: '' } });
  assert.deepEqual(egress!.at(-1), {
    to: [
      { namespaceSelector: {}, podSelector: { matchLabels: operatorSelector } },
      { ipBlock: { cidr: '10.96.0.9/32' } },
      { ipBlock: { cidr: 'fd00::9/128' } },
    ],
    ports: [{ protocol: 'TCP', port: 8443 }],
  });
});

test('the cluster’s DNS is where the spec says', () => {
  const { egress } = strict(({ dns }) => {
    dns.service = { namespace: 'openshift-dns', name: 'dns-default' };
  });
  assert.deepEqual(egress![1]!.to, [
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'openshift-dns' } } },
  ]);
});

test('the ports of the cluster’s DNS are allowed by number where they are known, as 53 is, and by name otherwise', () => {
  const ports = (dnsPorts: number[]) => strict(undefined, { dnsPorts }).egress![1]!.ports;
  assert.deepEqual(ports([5353]), [...both(53), ...both(5353)]);
  assert.deepEqual(ports([53]), both(53));
  assert.deepEqual(ports([]), strict().egress![1]!.ports);
  const [found, named] = [strict(undefined, { dnsPorts: [5353, 5354] }), strict()].map((spec) =>
    ['kube-system', 'openshift-dns'].map((namespace) => dnsPortsIn({ spec }, namespace)),
  );
  assert.deepEqual(found, [[53, 5353, 5354], []]);
  assert.deepEqual(named, [[], []]);
  assert.deepEqual(dnsPortsIn({}, 'kube-system'), []);
});

test('the resolvers that pods have are reached, of either family: a cache on the node may have the address of the cluster’s DNS', () => {
  const known = strict(undefined, { nameservers: ['10.96.0.10', 'fd00::10'] });
  const to = ['169.254.0.0/16', '10.96.0.10/32', 'fd00::10/128'].map((cidr) => ({ ipBlock: { cidr } }));
  for (const { ipBlock } of to) assert.deepEqual(towards(ipBlock.cidr, known), [{ to, ports: both(53) }]);
  assert.deepEqual(
    policy(() => {}, { nameservers: ['10.96.0.10'] }),
    policy(() => {}),
  );
});

test('each DNS server of the spec is reached at its own port, of either family, and no longer once DNS is not probed', () => {
  const servers = (enabled: boolean) =>
    strict(({ dns }) => {
      dns.enabled = enabled;
      dns.servers = ['10.0.0.2', '10.0.0.3:5353', '[fd00::10]:54', 'fd00::11'];
    });
  for (const [cidr, port] of [
    ['10.0.0.2/32', 53],
    ['10.0.0.3/32', 5353],
    ['fd00::10/128', 54],
    ['fd00::11/128', 53],
  ] as const) {
    assert.deepEqual(towards(cidr, servers(true)), [{ to: [{ ipBlock: { cidr } }], ports: both(port) }]);
    assert.deepEqual(towards(cidr, servers(false)), []);
  }
  assert.deepEqual(servers(false).egress, strict().egress);
});

test('time servers are reached by UDP while they are asked: addresses alone, names wherever they lead', () => {
  const asked = (enabled: boolean) =>
    strict((spec) => {
      spec.ntp = { ...spec.ntp, enabled, servers: ['10.0.0.123', '[fd00::123]:1123', 'ntp.example.com:124'] };
    });
  const udp = (port: number) => [{ protocol: 'UDP', port }];
  assert.deepEqual(towards('10.0.0.123/32', asked(true))[0]?.ports, udp(123));
  assert.deepEqual(towards('fd00::123/128', asked(true))[0]?.ports, udp(1123));
  assert.deepEqual(
    asked(true).egress!.filter(({ to }) => to === undefined),
    [{ ports: udp(124) }],
  );
  assert.deepEqual(asked(false).egress, strict().egress);
});
