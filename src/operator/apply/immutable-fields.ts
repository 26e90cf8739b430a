import { isDeepStrictEqual } from 'node:util';
import type { ApiError } from '../kube/api-error.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { DeclaredObject } from './declared-object.ts';

/**
 * The field that keeps `observed` from ever becoming what is declared, since the API server lets nobody change it;
 * undefined where there is none. A DaemonSet's selector is compared as a whole, a Service only for being headless or
 * not: which address it has is not declared.
 */
export function immutableDifference(declared: DeclaredObject, observed: KubeObject): string | undefined {
  const wanted = (declared.spec ?? {}) as { selector?: unknown; clusterIP?: string };
  const has = (observed.spec ?? {}) as { selector?: unknown; clusterIP?: string };
  if (declared.kind === 'DaemonSet' && !isDeepStrictEqual(wanted.selector, has.selector)) return 'spec.selector';
  if (declared.kind === 'Service' && (wanted.clusterIP === 'None') !== (has.clusterIP === 'None'))
    return 'spec.clusterIP';
  return undefined;
}

/**
 * What the API server says of a field that cannot be changed (apimachinery `ValidateImmutableField`, core validation).
 */
const words = /field is immutable|may not change once set|can ?not be unset/;

/** Whether the API server rejected a change of an immutable field. */
export function isImmutableRefusal(error: ApiError): boolean {
  return error.code === 'Invalid' && words.test(error.message);
}
