import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { parseAllDocuments } from 'yaml';
import { demoObjects } from '../../charts/install/samples.ts';
import type { KubeObject, ObjectReference } from './object-access.ts';

/** Where the demo works: a namespace and a NetExporter of its own. */
export const demo = { namespace: 'net-exporter-demo', name: 'demo' };

/** The label of everything that the demo creates; its value is the run. */
export const runLabel = 'net-exporter.dev/demo';

/** How long a run's Lease is valid after its last renewal. Seconds. */
export const leaseSeconds = 30;

export function runOf(object: KubeObject): string | undefined {
  return object.metadata.labels?.[runLabel];
}

/** Labels an object as one of this run. */
export function marked(object: KubeObject, run: string): KubeObject {
  const labels = { ...object.metadata.labels, [runLabel]: run };
  return { ...object, metadata: { ...object.metadata, labels } };
}

/** Everything that `kubectl apply -f manifests/install.yaml` creates, in its order. */
export async function installObjects(): Promise<KubeObject[]> {
  const text = await readFile(new URL('../../manifests/install.yaml', import.meta.url), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}

/** The demo's namespace. Only one run can create it, so it also locks the cluster for that run. */
export function namespaceObject(): KubeObject {
  return ownObjects()[0]!;
}

export function netExporterObject(): KubeObject {
  return ownObjects()[1]!;
}

export const leaseReference: ObjectReference = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { namespace: demo.namespace, name: demo.namespace },
};

/** Shows other runs that this one is alive, as long as it is renewed. */
export function leaseObject(run: string): KubeObject {
  const spec = {
    holderIdentity: `${run}@${hostname()}`,
    leaseDurationSeconds: leaseSeconds,
    renewTime: microTime(new Date()),
  };
  return { ...leaseReference, spec };
}

/** A time as Kubernetes' MicroTime. */
export function microTime(time: Date): string {
  return time.toISOString().replace('Z', '000Z');
}

function ownObjects(): KubeObject[] {
  return demoObjects(demo.namespace, demo.name) as KubeObject[];
}
