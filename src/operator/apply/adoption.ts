import { isDeepStrictEqual } from 'node:util';
import { shortened } from '../../base/bounded-text.ts';
import { agentSelector, appliedAnnotation, managedByLabel, managerName } from '../../contract/agent-names.ts';
import { isPowerful, openShiftPullSecret } from '../../contract/powerful-metadata.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { DeclaredObject, Owner } from './declared-object.ts';
import { immutableDifference } from './immutable-fields.ts';

/** Maximum length of a name that somebody else chose in a message. */
const maxNameLength = 80;

/**
 * Why an object without a controller must not be adopted; undefined if it may be. Continues a sentence whose subject is
 * the object.
 *
 * `kubectl delete --cascade=orphan` leaves objects with our labels and our field manager, and without a controller.
 * Anyone who may create objects can forge both. So what is adopted must be like what the operator creates: nothing may
 * survive the next apply that it did not write and that gives agents power or changes what they do, such as an
 * annotation by which a cloud gives a ServiceAccount an identity. The admission policy has the same rules, and judges
 * an adoption as if the object were created.
 * @param manager our field manager
 */
export function adoptionObstacle(
  declared: DeclaredObject,
  observed: KubeObject,
  owner: Owner,
  manager: string,
): string | undefined {
  const { labels = {}, managedFields = [] } = observed.metadata;
  const ours = { ...agentSelector(owner.name), [managedByLabel]: managerName };
  const isLabelled = Object.entries(ours).every(([label, value]) => labels[label] === value);
  const isWritten = managedFields.some((entry) => entry.manager === manager && !entry.subresource);
  if (!isLabelled || !isWritten) return 'has no controller';
  const part = powerfulKey(observed) ?? immutableDifference(declared, observed) ?? foreignPart(declared, observed);
  return part === undefined ? undefined : `has no controller and is not adopted because of ${part}`;
}

function powerfulKey({ metadata }: KubeObject): string | undefined {
  for (const field of ['annotations', 'labels'] as const) {
    const key = Object.keys(metadata[field] ?? {}).find((key) => isPowerful(field, key));
    if (key !== undefined) return `the ${field === 'labels' ? 'label' : 'annotation'} ${bounded(key)}`;
  }
  return undefined;
}

/** What the operator did not write, by kind. */
function foreignPart(declared: DeclaredObject, observed: KubeObject): string | undefined {
  switch (declared.kind) {
    case 'ServiceAccount':
      return foreignIdentity(observed);
    case 'ConfigMap':
      return foreignKey(declared, observed);
    case 'Service':
      return foreignTraffic(declared, observed);
    case 'NetworkPolicy':
      return differing(declared, observed, ['podSelector']);
    case 'DaemonSet':
      return foreignPodPart(declared, observed);
    case 'PrometheusRule':
      return foreignGroup(declared, observed);
    default:
      return foreignScrape(declared, observed);
  }
}

/** Identities of clouds follow annotations; pods get the pull secrets. */
function foreignIdentity({ metadata, ...account }: KubeObject): string | undefined {
  const isOpenShifts = (name: unknown) =>
    typeof name === 'string' && name.startsWith(`${metadata.name}${openShiftPullSecret.infix}`);
  const annotation = Object.entries(metadata.annotations ?? {}).find(
    ([key, value]) => key !== appliedAnnotation && !(key === openShiftPullSecret.annotation && isOpenShifts(value)),
  );
  if (annotation) return `the annotation ${bounded(annotation[0])}`;
  for (const field of ['secrets', 'imagePullSecrets']) {
    const name = itemsOf(account, field)
      .map((item) => item.name)
      .find((name) => !isOpenShifts(name));
    if (name !== undefined) return `${field}: ${bounded(name)}`;
  }
  return account.automountServiceAccountToken === false ? undefined : 'automountServiceAccountToken';
}

/** Agents read files by name, among them where the operator is, which is not declared while it is not known. */
function foreignKey(declared: DeclaredObject, observed: KubeObject): string | undefined {
  if (observed.immutable === true) return 'immutable: true';
  return (
    extraKey(recordOf(declared.data), recordOf(observed.data), 'the key ') ??
    extraKey({}, recordOf(observed.binaryData), 'the key ')
  );
}

function foreignTraffic(declared: DeclaredObject, observed: KubeObject): string | undefined {
  const isExternal = itemsOf(specOf(observed), 'externalIPs').length > 0;
  return isExternal ? 'spec.externalIPs' : differing(declared, observed, ['type', 'selector']);
}

function foreignPodPart(declared: DeclaredObject, observed: KubeObject): string | undefined {
  const [ours, pod] = [declared, observed].map((object) => recordOf(recordOf(specOf(object).template).spec));
  for (const [field, item] of [
    ['initContainers', 'init container'],
    ['containers', 'container'],
    ['volumes', 'volume'],
  ] as const) {
    const names = itemsOf(ours!, field).map(({ name }) => name);
    const foreign = itemsOf(pod!, field).find(({ name }) => !names.includes(name));
    if (foreign) return `the ${item} ${bounded(foreign.name)}`;
  }
  if (pod!.serviceAccountName !== ours!.serviceAccountName) return 'serviceAccountName';
  return ['hostNetwork', 'hostPID', 'hostIPC'].find((field) => pod![field] === true);
}

/** Of a PodMonitor, where every other field changes what is scraped, or how. */
function foreignScrape(declared: DeclaredObject, observed: KubeObject): string | undefined {
  const { podMetricsEndpoints: _, attachMetadata: __, ...others } = specOf(observed);
  return extraKey(specOf(declared), others, 'spec.') ?? differing(declared, observed, ['selector']);
}

/** Of a PrometheusRule, where the rules of a declared group are replaced by the next apply. */
function foreignGroup(declared: DeclaredObject, observed: KubeObject): string | undefined {
  const ours = itemsOf(specOf(declared), 'groups');
  for (const group of itemsOf(specOf(observed), 'groups')) {
    const same = ours.find(({ name }) => name === group.name);
    if (!same) return `the group ${bounded(group.name)}`;
    const field = extraKey(same, group, `the group ${bounded(group.name)} and its field `);
    if (field !== undefined) return field;
  }
  return extraKey(specOf(declared), specOf(observed), 'spec.');
}

/** The first of these fields of the spec that is not as declared. */
function differing(declared: DeclaredObject, observed: KubeObject, fields: readonly string[]): string | undefined {
  const field = fields.find((field) => !isDeepStrictEqual(specOf(declared)[field], specOf(observed)[field]));
  return field && `spec.${field}`;
}

function extraKey(declared: object, observed: object, prefix: string): string | undefined {
  const key = Object.keys(observed).find((key) => !Object.hasOwn(declared, key));
  return key === undefined ? undefined : `${prefix}${bounded(key)}`;
}

function specOf(object: DeclaredObject | KubeObject): Record<string, unknown> {
  return recordOf(object.spec);
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function itemsOf(parent: Record<string, unknown>, field: string): Record<string, unknown>[] {
  const items = parent[field];
  return Array.isArray(items) ? items.map(recordOf) : [];
}

function bounded(name: unknown): string {
  return shortened(String(name), maxNameLength);
}
