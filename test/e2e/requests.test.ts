import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { PathRule, PermissionRule } from '../../charts/operator/operator-permissions.ts';
import { getJson } from './agents.ts';
import { auditEvents, operatorUser } from './audit-log.ts';
import { allEnvironments } from './environment.ts';

// test/running-order.ts makes it the last of the end-to-end tests, since it is about the requests of all of them.

/** Permissions that this run may well not need, each with its reason. As `verb resource.group`. */
const unusedForAReason = new Map([
  ['update netexporters/finalizers.net-exporter.dev', 'only OpenShift asks for it, at a blockOwnerDeletion'],
  ['get netexporters.net-exporter.dev', 'only after a conflict about a status'],
  ['get leases.coordination.k8s.io', 'only when another operator was faster, or an answer was lost'],
  ['create endpointslices/restricted.discovery.k8s.io', 'only OpenShift asks for it, at an address of a pod'],
  ['delete endpointslices.discovery.k8s.io', 'only when a leader has an address of another family than the last one'],
  ['patch events.events.k8s.io', 'only when the same Event comes again within minutes'],
]);

const used = new Set<string>();
/** What was asked for and allowed, or forbidden, at some time: a permission, or what is no resource as `verb path`. */
const allowed = new Set<string>();
const forbidden = new Set<string>();
const namespaces = new Set<string>();
let granted: Set<string>;

before(async () => {
  const environments = await allEnvironments();
  for (const { cluster } of environments) await readAuditLog(cluster.auditLog);
  const { kubectl } = environments[0]!;
  const roles = [
    await getJson<{ rules: (PermissionRule | PathRule)[] }>(kubectl, ['clusterrole', 'net-exporter-operator']),
    ...(await getJson<{ items: { rules: PermissionRule[] }[] }>(kubectl, ['roles', '-n', 'net-exporter-system'])).items,
  ];
  granted = new Set(roles.flatMap(({ rules }) => rules.flatMap(permissionsOf)));
});

async function readAuditLog(file: string): Promise<void> {
  for await (const { user, verb, requestURI, objectRef, annotations } of auditEvents(file)) {
    if (objectRef?.resource === 'namespaces' && objectRef.namespace) namespaces.add(objectRef.namespace);
    // Tests ask by the operator's token what it may do.
    if (user.username !== operatorUser || requestURI.includes('dryRun=All')) continue;
    const { resource, subresource, apiGroup = '' } = objectRef ?? {};
    const asked = resource && permission(verb, subresource ? `${resource}/${subresource}` : resource, apiGroup);
    const decision = annotations?.['authorization.k8s.io/decision'];
    (decision === 'forbid' ? forbidden : allowed).add(asked ?? `${verb} ${requestURI.split('?')[0]}`);
    if (asked) used.add(asked);
  }
}

/** Each as it is asked for: a permission, or what is no resource as `verb path`. */
function permissionsOf(rule: PermissionRule | PathRule): string[] {
  const { verbs } = rule;
  if ('nonResourceURLs' in rule) return rule.nonResourceURLs.flatMap((path) => verbs.map((verb) => `${verb} ${path}`));
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) => verbs.map((verb) => permission(verb, resource, group))),
  );
}

function permission(verb: string, resource: string, group: string): string {
  return `${verb} ${resource}.${group}`;
}

test('nothing that the operator asked the API server for was forbidden', () => {
  assert.ok(used.size >= 10, `the audit log tells of ${used.size} kinds of requests only`);
  // An API server that has just started forbids what its roles allow until it has read them, and some tests restart it:
  // what is not granted is never allowed.
  assert.deepEqual(
    [...forbidden].filter((asked) => !allowed.has(asked)),
    [],
  );
});

test('nothing that the operator asked for was granted by anything but its own roles', () => {
  assert.deepEqual(
    [...used].filter((permission) => !granted.has(permission)),
    [],
  );
});

test('every permission is used, but those that have a reason not to be', (t) => {
  const whole = ['e2e-contested', 'e2e-live-edit', 'e2e-ownership', 'e2e-pod-monitor', 'e2e-upgrade'];
  if (!whole.every((namespace) => namespaces.has(namespace))) {
    t.skip('what is unused can be told after a run of all end-to-end tests only');
    return;
  }
  const unused = [...granted].filter((permission) => !allowed.has(permission) && !unusedForAReason.has(permission));
  assert.deepEqual(unused, []);
});

test('the reasons are about permissions that are there', () => {
  for (const permission of unusedForAReason.keys()) assert.ok(granted.has(permission), permission);
});
