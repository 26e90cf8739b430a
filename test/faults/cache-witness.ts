import { isDeepStrictEqual } from 'node:util';
import { Reflector, type ReflectorOptions } from '../../src/operator/cache/reflector.ts';
import { type KubeObject, keyOf } from '../../src/operator/kube/kube-object.ts';
import { apiVersionOf, type Resource } from '../../src/operator/kube/resource.ts';

/**
 * Loaded by `--import` before the operator's own program, whose caches it compares with what the test read from the API
 * server: the product needs no door for that. It speaks with the test over the process's IPC channel.
 */

/** What a cache is to hold. */
export interface Selection {
  resource: Resource;
  labelSelector: string | undefined;
  scope: { namespace: string; name?: string } | undefined;
}

/** Asked without contents: which are the caches; with them: how the caches differ from these. */
export type WitnessQuestion = { id: number; contents?: KubeObject[][] };
export type WitnessAnswer = { id: number; selections?: Selection[]; differences?: string[] };

const reflectors = new Set<Reflector<unknown>>();
const { run } = Reflector.prototype;
Reflector.prototype.run = function (this: Reflector<unknown>, signal) {
  reflectors.add(this);
  return run.call(this, signal).finally(() => reflectors.delete(this));
};

/** Where a cache is not what the API server has, each in a sentence. */
function differences(
  { resource, store, transform }: Readonly<ReflectorOptions<unknown>>,
  live: KubeObject[],
): string[] {
  const found: string[] = [];
  let leftOut = 0;
  for (const item of live) {
    const object = { ...item, apiVersion: apiVersionOf(resource), kind: resource.kind };
    const cached = store.get(keyOf(object));
    const wanted = transform(object);
    if (wanted === undefined) {
      leftOut++;
      if (cached !== undefined) found.push(`${resource.plural} ${keyOf(object)} is there and should not be`);
    } else if (cached === undefined) found.push(`${resource.plural} ${keyOf(object)} is missing`);
    else if (!isDeepStrictEqual(asJson(cached), asJson(wanted)))
      found.push(`${resource.plural} ${keyOf(object)} is another`);
  }
  const count = live.length - leftOut;
  if (store.size > count) found.push(`${resource.plural}: ${store.size} where there are ${count}`);
  return found;
}

/** What is undefined is as good as absent. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

process.on('message', ({ id, contents }: WitnessQuestion) => {
  // But the Lease's: it holds one Lease of the cluster's many, and that changes every two seconds. The tests of the
  // leader judge it.
  const options = [...reflectors].map(({ options }) => options).filter(({ resource }) => resource.plural !== 'leases');
  const answer: WitnessAnswer = contents
    ? { id, differences: options.flatMap((option, index) => differences(option, contents[index] ?? [])) }
    : { id, selections: options.map(({ resource, labelSelector, scope }) => ({ resource, labelSelector, scope })) };
  process.send!(answer);
});
// The test is gone: nobody else would end this process.
process.on('disconnect', () => process.exit(1));
// The channel alone keeps no operator alive that wants to end.
process.channel?.unref();
