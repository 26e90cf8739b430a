import type { ManifestObject } from '../../charts/agent/agent.ts';
import { managerName } from '../../src/contract/agent-names.ts';
import { type ApiUse, apiUses } from '../../src/contract/api-uses.ts';
import { pathOf } from '../../src/operator/kube/resource.ts';
import { type ClusterApi, ClusterApiError } from '../faults/cluster-api.ts';

/** How the API server answers a request. */
export type Verdict = 'admitted' | ClusterApiError;

/** An object, or what identifies one. */
type Target = { kind: string; metadata: { namespace: string; name: string } };

/** Requests that run authorization, validation and admission and then change nothing. */
export class DryRun {
  readonly #api: ClusterApi;

  constructor(api: ClusterApi) {
    this.#api = api;
  }

  create(object: Target): Promise<Verdict> {
    return verdictOf(this.#api.create(dry(placeOf(object, false)), object));
  }

  /** Server-side apply. */
  apply(object: Target): Promise<Verdict> {
    const options = `&fieldManager=${managerName}&force=true`;
    return verdictOf(this.#api.patch(`${dry(placeOf(object))}${options}`, 'apply', object));
  }

  /** Replaces what an object says, but for its identity, as a JSON patch. */
  replace({ kind, metadata, ...fields }: ManifestObject): Promise<Verdict> {
    const { labels, annotations, ownerReferences } = metadata;
    const { apiVersion: _, status: __, ...content } = fields;
    const patch = [
      ...Object.entries({ labels, annotations, ownerReferences }).map(([field, value]) =>
        at(`/metadata/${field}`, value),
      ),
      ...Object.entries(content).map(([field, value]) => at(`/${field}`, value)),
    ];
    return verdictOf(this.#api.patch(dry(placeOf({ kind, metadata })), 'json', patch));
  }

  merge(target: Target, patch: object): Promise<Verdict> {
    return verdictOf(this.#api.patch(dry(placeOf(target)), 'merge', patch));
  }

  delete(target: Target): Promise<Verdict> {
    // In the query for the audit log alone.
    return verdictOf(this.#api.delete(dry(placeOf(target)), { dryRun: ['All'] }));
  }
}

/** Why a request was refused, in the API server's words; that it was not, where it was not. */
export function refusalOf(verdict: Verdict): string {
  if (verdict === 'admitted') return verdict;
  try {
    return (JSON.parse(verdict.body) as { message: string }).message;
  } catch {
    // Not of admission: one that had too much to do says so in plain text.
    return verdict.message;
  }
}

/** The path of an object, or of its kind in its namespace. */
function placeOf({ kind, metadata: { namespace, name } }: Target, named = true): string {
  const use = Object.values<ApiUse>(apiUses).find((use) => use.kind === kind)!;
  return pathOf(use, { namespace, ...(named && { name }) });
}

function dry(path: string): string {
  return `${path}?dryRun=All`;
}

/** A step of a JSON patch that makes a field what it is to be. */
function at(path: string, value: unknown): object {
  return value === undefined ? { op: 'add', path, value: null } : { op: 'add', path, value };
}

async function verdictOf(request: Promise<unknown>): Promise<Verdict> {
  try {
    await request;
    return 'admitted';
  } catch (error) {
    if (error instanceof ClusterApiError) return error;
    throw error;
  }
}
