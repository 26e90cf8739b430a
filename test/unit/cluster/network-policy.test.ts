import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enforcementScript, matchesFor, type NetworkPolicy, type PolicyPod } from '../../cluster/network-policy.ts';

const pod = (name: string, more: Partial<PolicyPod> = {}): PolicyPod => ({
  namespace: 'here',
  name,
  node: 'node-1',
  labels: { app: name },
  addresses: ['10.0.0.1'],
  ports: [],
  ...more,
});

const web = pod('web', {
  addresses: ['10.0.0.2', 'fd00::2'],
  ports: [{ name: 'http', protocol: 'TCP', number: 8080 }],
});
const client = pod('client');
const stranger = pod('client', { namespace: 'there', addresses: ['10.0.0.3'] });
const surroundings = {
  namespaces: new Map([
    ['here', { zone: 'a' }],
    ['there', { zone: 'b' }],
  ]),
  pods: [web, client, stranger],
};

const policy = (spec: Partial<NetworkPolicy['spec']>): NetworkPolicy => ({
  metadata: { namespace: 'here', name: 'p' },
  spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ...spec },
});

const into = (target: PolicyPod, ...policies: NetworkPolicy[]) => matchesFor(target, 'ingress', policies, surroundings);
const outOf = (source: PolicyPod, ...policies: NetworkPolicy[]) => matchesFor(source, 'egress', policies, surroundings);

test('where no policy is about a pod, or about the direction, everything passes', () => {
  assert.equal(into(web), undefined);
  assert.equal(into(web, policy({ podSelector: { matchLabels: { app: 'other' } } })), undefined);
  assert.equal(outOf(web, policy({ policyTypes: ['Ingress'] })), undefined);
  assert.equal(into(stranger, policy({})), undefined, 'a policy is about pods of its own namespace');
});

test('a policy without rules lets nothing pass', () => {
  assert.deepEqual(into(web, policy({})), []);
  assert.deepEqual(outOf(web, policy({ egress: [] })), []);
});

test('a rule without peers is about everyone, one without ports about every port', () => {
  assert.deepEqual(into(web, policy({ ingress: [{ ports: [{ protocol: 'UDP', port: 53 }] }] })), ['udp dport 53']);
  assert.deepEqual(into(web, policy({ ingress: [{}] })), ['']);
  assert.deepEqual(outOf(web, policy({ egress: [{ ports: [{ protocol: 'TCP' }] }] })), ['meta l4proto tcp']);
});

test('selected peers are pods of the same namespace, or of the selected ones, by each of their addresses', () => {
  const app = { matchLabels: { app: 'client' } };
  const from = (...peers: object[]) => into(web, policy({ ingress: [{ from: peers }] }));
  assert.deepEqual(from({ podSelector: app }), ['ip saddr 10.0.0.1']);
  assert.deepEqual(from({ namespaceSelector: {}, podSelector: app }), ['ip saddr 10.0.0.1', 'ip saddr 10.0.0.3']);
  assert.deepEqual(from({ namespaceSelector: { matchLabels: { zone: 'b' } } }), ['ip saddr 10.0.0.3']);
  assert.deepEqual(from({ podSelector: { matchLabels: { app: 'web' } } }), ['ip saddr 10.0.0.2', 'ip6 saddr fd00::2']);
});

test('a named port is that of the pod at which the traffic arrives, and none where it has no such port', () => {
  const ports = [{ protocol: 'TCP', port: 'http' }];
  assert.deepEqual(into(web, policy({ ingress: [{ ports }] })), ['tcp dport 8080']);
  assert.deepEqual(into(client, policy({ ingress: [{ ports }] })), []);
  assert.deepEqual(outOf(client, policy({ egress: [{ to: [{ podSelector: {} }], ports }] })), [
    'ip daddr 10.0.0.2 tcp dport 8080',
    'ip6 daddr fd00::2 tcp dport 8080',
  ]);
  assert.deepEqual(outOf(client, policy({ egress: [{ ports: [{ protocol: 'UDP', port: 'http' }] }] })), []);
});

test('blocks of addresses are of either family', () => {
  const to = ['169.254.0.0/16', 'fd00::/8'].map((cidr) => ({ ipBlock: { cidr } }));
  assert.deepEqual(outOf(web, policy({ egress: [{ to }] })), ['ip daddr 169.254.0.0/16', 'ip6 daddr fd00::/8']);
});

test('policies add up', () => {
  const open = (port: number) => policy({ ingress: [{ ports: [{ protocol: 'TCP', port }] }] });
  assert.deepEqual(into(web, open(1), open(2)), ['tcp dport 1', 'tcp dport 2']);
});

test('what is not enforced here is refused, so that nothing passes for want of it', () => {
  const exotic: object[] = [
    { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }] },
    { ingress: [{ ports: [{ protocol: 'TCP', port: 1, endPort: 2 }] }] },
    { ingress: [{ from: [{ podSelector: { matchExpressions: [] } }] }] },
    { ingress: [{ fieldFromTheFuture: {} }] },
  ];
  for (const spec of exotic) assert.throws(() => into(web, policy(spec)), RangeError, JSON.stringify(spec));
});

test('a node enforces what is about its own pods, by every address of theirs', () => {
  const policies = [policy({ podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [] })];
  const script = enforcementScript('t', 'node-1', policies, surroundings);
  for (const line of ['ip daddr 10.0.0.2 jump ingress/here/web', 'ip6 daddr fd00::2 jump ingress/here/web'])
    assert.ok(script.includes(line), line);
  assert.doesNotMatch(script, /egress|here\/client/);
  assert.doesNotMatch(enforcementScript('t', 'node-2', policies, surroundings), /jump ingress/);
});
