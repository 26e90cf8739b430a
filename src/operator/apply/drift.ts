import { sameQuantity } from './quantity.ts';

/**
 * Lists that the API server treats as maps (`x-kubernetes-list-type: map`), with what identifies an item. Every other
 * list is compared as a whole.
 */
const listKeys = new Map(
  Object.entries({
    containers: ['name'],
    env: ['name'],
    groups: ['name'],
    imagePullSecrets: ['name'],
    ownerReferences: ['uid'],
    volumeMounts: ['mountPath'],
    volumes: ['name'],
  }),
);

/**
 * Maps that the API server treats as one value (`x-kubernetes-map-type: atomic`): who adds to one changes what we
 * declare. A label more in a Service's selector leaves it without endpoints.
 */
const atomicMaps = new Set(['matchLabels', 'nodeSelector', 'podSelector', 'selector']);

/** A field whose value is not the declared one. */
export interface Difference {
  /** Such as `spec.template.spec.containers[agent].image`. */
  path: string;
  /** The object's value; undefined if it has none. */
  observed: unknown;
}

/**
 * The paths at which an object does not hold what is declared. Defaults of the API server, and fields and items that
 * others added, are no drift.
 */
export function driftOf(declared: unknown, observed: unknown): string[] {
  return differencesOf(declared, observed).map(({ path }) => path);
}

/** As `driftOf`, with the object's values. */
export function differencesOf(declared: unknown, observed: unknown): Difference[] {
  const differences: Difference[] = [];
  compare(declared, observed, '', '', differences);
  return differences;
}

/** @param field the name of the field that holds the value */
function compare(declared: unknown, observed: unknown, path: string, field: string, found: Difference[]): void {
  if (observed === undefined && isNothing(declared)) return;
  if (Array.isArray(declared)) compareLists(declared, observed, path, field, found);
  else if (isRecord(declared)) compareRecords(declared, observed, path, field, found);
  else if (declared !== observed) found.push({ path, observed });
}

/** Go leaves empty strings, lists and maps out where a field is `omitempty`. False and 0 are values. */
function isNothing(value: unknown): boolean {
  if (value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value as object).length === 0;
}

function compareRecords(
  declared: Record<string, unknown>,
  observed: unknown,
  path: string,
  field: string,
  found: Difference[],
): void {
  if (!isRecord(observed)) return void found.push({ path, observed });
  for (const [name, value] of Object.entries(declared)) {
    const inside = path === '' ? name : `${path}.${name}`;
    const other = Object.hasOwn(observed, name) ? observed[name] : undefined;
    if (isAmount(field, name) && sameQuantity(value, other)) continue;
    compare(value, other, inside, name, found);
  }
  if (atomicMaps.has(field) && Object.keys(observed).some((name) => !Object.hasOwn(declared, name)))
    found.push({ path, observed });
}

function compareLists(declared: unknown[], observed: unknown, path: string, field: string, found: Difference[]): void {
  if (!Array.isArray(observed)) return void found.push({ path, observed });
  const keys = field === 'ports' ? portKeys(declared) : listKeys.get(field);
  // The user's parts may have a list of that name whose items are no objects.
  if (keys === undefined || !declared.every(isRecord)) {
    if (declared.length !== observed.length) found.push({ path, observed });
    else for (const [index, item] of declared.entries()) compare(item, observed[index], `${path}[${index}]`, '', found);
    return;
  }
  for (const item of declared) {
    const same = observed.find((other) => keys.every((key) => isRecord(other) && item[key] === other[key]));
    const name = keys.map((key) => item[key]).join('/');
    compare(item, same, `${path}[${name}]`, '', found);
  }
}

/** Of a container, of a Service, or of a NetworkPolicy, where they are an atomic list. */
function portKeys(ports: unknown[]): string[] | undefined {
  const [first] = ports;
  if (!isRecord(first)) return undefined;
  if ('containerPort' in first) return ['containerPort', 'protocol'];
  return 'targetPort' in first ? ['port', 'protocol'] : undefined;
}

function isAmount(field: string, name: string): boolean {
  return field === 'requests' || field === 'limits' || name === 'sizeLimit';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
