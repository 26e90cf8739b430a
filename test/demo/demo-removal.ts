import { foreignIn } from './cluster-survey.ts';
import { installObjects, namespaceObject, netExporterObject, runOf } from './demo-objects.ts';
import { names, othersAmong } from './demo-plan.ts';
import type { KubeObject, ObjectAccess } from './object-access.ts';

/**
 * Deletes what one run of the demo created, and nothing else: an object without the run's label, or another one of the
 * same name, stays. Between the last look at others' objects and the deletion of what contains them a moment remains;
 * Kubernetes has no deletion of a namespace or of a CustomResourceDefinition on condition that it is empty.
 */
export class DemoRemoval {
  readonly #access: ObjectAccess;
  readonly #run: string;
  readonly #log: (line: string) => void;

  constructor(access: ObjectAccess, run: string, log: (line: string) => void) {
    this.#access = access;
    this.#run = run;
    this.#log = log;
  }

  /** Deletes the NetExporter and waits until it is gone; the operator then creates nothing more for it. */
  async removeNetExporter(): Promise<void> {
    await this.#remove(netExporterObject());
  }

  /** Deletes the operator's objects, unless somebody else uses the operator by now. */
  async removeOperator(): Promise<void> {
    const found = (await this.#access.getAll(await installObjects())).filter((object) => runOf(object) === this.#run);
    const kept = await this.#operatorIsUsed(found);
    if (kept !== undefined) {
      this.#log(`the operator stays: ${kept}. When it is no longer needed: kubectl delete -f manifests/install.yaml`);
      return;
    }
    // The definition goes at once after the check: NetExporters go with it.
    for (const object of found) if (object.kind !== 'Namespace') await this.#access.delete(object);
    for (const namespace of found.filter(({ kind }) => kind === 'Namespace')) await this.#removeNamespace(namespace);
    for (const object of found) if (object.kind !== 'Namespace') await this.#access.waitUntilGone(object);
  }

  /** Deletes the demo's namespace, which unlocks the cluster for other runs. */
  async removeNamespace(): Promise<void> {
    const namespace = await this.#ownObject(namespaceObject());
    if (namespace) await this.#removeNamespace(namespace);
  }

  async #operatorIsUsed(found: readonly KubeObject[]): Promise<string | undefined> {
    if (!found.some(({ kind }) => kind === 'CustomResourceDefinition')) return undefined;
    const others = othersAmong(await this.#access.list(netExporterObject()));
    return others.length === 0 ? undefined : `there are NetExporters that the demo did not create (${names(others)})`;
  }

  async #removeNamespace(namespace: KubeObject): Promise<void> {
    const foreign = await foreignIn(this.#access, namespace);
    const { name } = namespace.metadata;
    if (foreign.length > 0) {
      const remedy = `To remove it with them: kubectl delete namespace ${name}`;
      this.#log(
        `the namespace ${name} stays: it has objects that the demo did not create (${names(foreign)}). ${remedy}`,
      );
      return;
    }
    await this.#access.delete(namespace);
    await this.#access.waitUntilGone(namespace);
  }

  async #remove(reference: KubeObject): Promise<void> {
    const object = await this.#ownObject(reference);
    if (!object) return;
    await this.#access.delete(object);
    await this.#access.waitUntilGone(object);
  }

  async #ownObject(reference: KubeObject): Promise<KubeObject | undefined> {
    const object = await this.#access.get(reference);
    return object && runOf(object) === this.#run ? object : undefined;
  }
}
