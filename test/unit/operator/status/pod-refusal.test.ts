import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalMessage, refusalOf } from '../../../../src/operator/status/pod-refusal.ts';

const forbidden = 'pods "default-agent-x7k2p" is forbidden';

for (const [what, answer, remedy] of [
  [
    'pods that a quota refuses are told what to raise',
    `${forbidden}: exceeded quota: pods, requested: pods=1, used: pods=0, limited: pods=0`,
    /Raise the quota or limit/,
  ],
  [
    'pods of a class that GKE reserves are told another class',
    `${forbidden}: insufficient quota to match these scopes: [{PriorityClass In [system-node-critical system-cluster-critical]}]`,
    /Set spec\.agent\.priorityClassName to a class that the namespace admits, such as net-exporter-agent/,
  ],
  [
    'pods of a class that does not exist are told to create it',
    `${forbidden}: no PriorityClass with name gold was found`,
    /name gold was found\. Create that PriorityClass/,
  ],
  [
    'pods that Pod Security refuses are told to look for what was added',
    `${forbidden}: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "istio-init" …)`,
    /find out what adds to their pods/,
  ],
  [
    'pods that OpenShift refuses are told which right is missing',
    `${forbidden}: unable to validate against any security context constraint: [provider "anyuid": Forbidden]`,
    /Allow the ServiceAccount of the agents to use a SecurityContextConstraints/,
  ],
  [
    'pods that a LimitRange refuses are told what to change',
    `${forbidden}: maximum memory usage per Container is 64Mi, but limit is 128Mi`,
    /change spec\.agent\.resources/,
  ],
  [
    'pods for which a LimitRange wants more are told what to change',
    `${forbidden}: [minimum cpu usage per Container is 100m, but request is 10m, minimum memory usage per Pod is 1Gi, but request is 67108864]`,
    /but request is 67108864\]\. Raise the quota or limit, or change spec\.agent\.resources/,
  ],
  [
    'pods whose limit is too far from their request are told what to change',
    `${forbidden}: cpu max limit to request ratio per Container is 2, but provided ratio is 10.000000`,
    /change spec\.agent\.resources/,
  ],
  [
    'pods that a webhook refuses are told about it',
    `admission webhook "validate.kyverno.svc-fail" denied the request: no`,
    /exclude these pods from that policy/,
  ],
  [
    'pods that wait for a webhook that does not answer are told about it',
    `Internal error occurred: failed calling webhook "w.example.com": connection refused`,
    /Check that admission webhook/,
  ],
  ['pods that are refused for any other reason quote it', 'something new', /something new\. Correct what the message/],
] as [string, string, RegExp][])
  test(what, () => {
    const refusal = refusalOf(`Error creating: ${answer}`, 'default-agent');
    const message = refusalMessage(refusal, 3, 3);
    assert.match(message, /^3 of 3 agents have no pod, because the API server refuses it: /);
    assert.match(message, remedy);
    assert.match(message, /Kubernetes tries again within 17 minutes\.$/);
  });

test('the text is the same for every pod, however the Event was merged', () => {
  const texts = [
    `Error creating: pods "a-agent-x7k2p" is forbidden: no`,
    `(combined from similar events): Error creating: pods "a-agent-bbbbb"  is\nforbidden: no`,
  ].map((note) => refusalOf(note, 'a-agent'));
  assert.deepEqual(texts, Array(2).fill('pods "a-agent-*" is forbidden: no'));
});

test('a refusal that is long or quotes a credential is cut and redacted, and the advice stays', () => {
  const refusal = refusalOf(`Error creating: Bearer abcdefgh ${'x'.repeat(1_000_000)}`, 'a-agent');
  assert.doesNotMatch(refusal, /abcdefgh/);
  const message = refusalMessage(refusal, 1, 2);
  assert.ok(message.length <= 1000, String(message.length));
  assert.match(message, /^1 of 2 agents has no pod.*… Correct what the message names\./);
});
