import { sameQuantity } from './quantity.ts';

/**
 * Lists that the API server treats as maps (`x-kubernetes-list-type: map`), with what identifies an item. Every other
 * list is compared as a whole.
 */
const listKeys = new Map(
  Object.entries({
    containers: ['name'],
    env: ['name'],
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

/**
 * Where an object does not hold what is declared, as paths such as `spec.template.spec.containers[agent].image`.
 * Defaults of the API server, and fields and items that others added, are no drift.
 */
export function driftOf(declared: unknown, observed: unknown): string[] {
  const paths: string[] = [];
  compare(declared, observed, '', '', paths);
  return paths;
}

/** @param field the name of the field that holds the value */
function compare(declared: unknown, observed: unknown, path: string, field: string, paths: string[]): void {
  if (observed === undefined && isNothing(declared)) return;
  if (Array.isArray(declared)) compareLists(declared, observed, path, field, paths);
  else if (isRecord(declared)) compareRecords(declared, observed, path, field, paths);
  else if (declared !== observed) paths.push(path);
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
  paths: string[],
): void {
  if (!isRecord(observed)) return void paths.push(path);
  for (const [name, value] of Object.entries(declared)) {
    const inside = path === '' ? name : `${path}.${name}`;
    const other = Object.hasOwn(observed, name) ? observed[name] : undefined;
    if (isAmount(field, name) && sameQuantity(value, other)) continue;
    compare(value, other, inside, name, paths);
  }
  if (atomicMaps.has(field) && Object.keys(observed).some((name) => !Object.hasOwn(declared, name))) paths.push(path);
}

function compareLists(declared: unknown[], observed: unknown, path: string, field: string, paths: string[]): void {
  if (!Array.isArray(observed)) return void paths.push(path);
  const keys = field === 'ports' ? portKeys(declared) : listKeys.get(field);
  // The user's parts may have a list of that name whose items are no objects.
  if (keys === undefined || !declared.every(isRecord)) {
    if (declared.length !== observed.length) paths.push(path);
    else for (const [index, item] of declared.entries()) compare(item, observed[index], `${path}[${index}]`, '', paths);
    return;
  }
  for (const item of declared) {
    const same = observed.find((other) => keys.every((key) => isRecord(other) && item[key] === other[key]));
    const name = keys.map((key) => item[key]).join('/');
    compare(item, same, `${path}[${name}]`, '', paths);
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
