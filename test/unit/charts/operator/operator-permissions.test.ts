import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operatorPermissions, permissionsFor } from '../../../../charts/operator/operator-permissions.ts';
import { type ApiUse, apiUses } from '../../../../src/contract/api-uses.ts';

const use: ApiUse = { group: 'apps', version: 'v1', kind: 'Thing', plural: 'things', verbs: ['get', 'list'] };

test('a use becomes a rule for the resource and one for each subresource', () => {
  assert.deepEqual(permissionsFor([{ ...use, subresources: { status: ['patch'] } }]), [
    { apiGroups: ['apps'], resources: ['things'], verbs: ['get', 'list'] },
    { apiGroups: ['apps'], resources: ['things/status'], verbs: ['patch'] },
  ]);
});

test('resources share a rule only where group and verbs are the same, so that none gains a verb by it', () => {
  const rules = permissionsFor([
    use,
    { ...use, plural: 'others' },
    { ...use, plural: 'more', verbs: ['get', 'list', 'watch'] },
    { ...use, group: '', plural: 'cores' },
  ]);
  assert.deepEqual(rules, [
    { apiGroups: ['apps'], resources: ['things', 'others'], verbs: ['get', 'list'] },
    { apiGroups: ['apps'], resources: ['more'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: [''], resources: ['cores'], verbs: ['get', 'list'] },
  ]);
});

test('the ClusterRole grants each declared use in every namespace once, and nothing that is used in one namespace only', () => {
  const granted = operatorPermissions.flatMap(({ apiGroups, resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}.${apiGroups[0]}`)),
  );
  const declared = Object.values<ApiUse>(apiUses)
    .filter(({ namespace }) => namespace === undefined)
    .flatMap(({ group, plural, verbs, subresources = {} }) => [
      ...verbs.map((verb) => `${verb} ${plural}.${group}`),
      ...Object.entries(subresources).flatMap(([name, more]) =>
        more.map((verb) => `${verb} ${plural}/${name}.${group}`),
      ),
    ]);
  assert.deepEqual(granted.sort(), declared.sort());
  assert.equal(new Set(granted).size, granted.length);
});
