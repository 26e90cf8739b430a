import type { ListPage, WatchEvent } from './api-client.ts';
import { ApiError } from './api-error.ts';
import type { KubeObject } from './kube-object.ts';
import { apiVersionOf, type Resource, titleOf } from './resource.ts';

/**
 * A page of a list with its objects whole: items of a list say neither their apiVersion nor their kind.
 * @throws ApiError for what is no such page
 */
export function checkedPage(answer: unknown, resource: Resource): ListPage {
  const { metadata, items } = (answer ?? {}) as Partial<ListPage>;
  const objects = items ?? [];
  if (typeof metadata?.resourceVersion !== 'string' || !Array.isArray(objects) || !objects.every(hasIdentity))
    throw new ApiError('Unexpected', `unexpected response: not a list of ${titleOf(resource)}`);
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  return { metadata, items: objects.map((item) => ({ ...item, ...type })) };
}

/**
 * An event of a watch. Its object is of the kind that is watched; of an ERROR it is a Status, and not looked at here.
 * @throws ApiError for what is no such event
 */
export function checkedEvent(answer: unknown, resource: Resource): WatchEvent {
  const event = (answer ?? {}) as WatchEvent;
  const { type, object } = event;
  const isEvent =
    type === 'ERROR' ||
    (typeof type === 'string' &&
      object?.kind === resource.kind &&
      (type === 'BOOKMARK' ? typeof object.metadata?.resourceVersion === 'string' : hasIdentity(object)));
  if (!isEvent) throw new ApiError('Unexpected', `unexpected response: not a watch event of ${titleOf(resource)}`);
  return event;
}

function hasIdentity(object: KubeObject | undefined): boolean {
  const { name, resourceVersion } = object?.metadata ?? {};
  return typeof name === 'string' && typeof resourceVersion === 'string';
}
