import { demo, installObjects, leaseReference, namespaceObject, netExporterObject, runOf } from './demo-objects.ts';
import type { Survey } from './demo-plan.ts';
import { foreignObjects } from './foreign-objects.ts';
import { type KubeObject, nameOf, type ObjectAccess, type Right, resourceOf } from './object-access.ts';
import { isRenewed } from './run-lease.ts';

/**
 * Reads what decides how the demo can use a cluster. It takes as long as a Lease lasts where an earlier run left its
 * namespace.
 * @param run the one that asks
 */
export async function surveyCluster(
  access: ObjectAccess,
  { run, signal, log }: { run: string; signal: AbortSignal; log: (line: string) => void },
): Promise<Survey> {
  const install = await installObjects();
  const namespace = await access.get(namespaceObject());
  const demoNamespace = namespace && runOf(namespace) === run ? undefined : namespace;
  const installed = await access.getAll(install);
  const definition = installed.find(({ kind }) => kind === 'CustomResourceDefinition');
  const mayRun =
    demoNamespace !== undefined &&
    runOf(demoNamespace) !== undefined &&
    demoNamespace.metadata.deletionTimestamp === undefined;
  if (mayRun) log(`the namespace ${demo.namespace} exists; checking whether the demo that created it is still running`);
  const isRunning = mayRun && (await isRenewed(access, { signal }));
  return {
    demoNamespace,
    isRunning,
    installed,
    netExporters: definition === undefined ? [] : await access.list(netExporterObject()),
    foreign: {
      demo: await foreignIn(access, demoNamespace),
      operator: await foreignIn(
        access,
        installed.find(({ kind }) => kind === 'Namespace'),
      ),
    },
  };
}

/** Objects that a user would lose with a namespace; none are looked for in one that the demo did not create. */
export async function foreignIn(access: ObjectAccess, namespace: KubeObject | undefined): Promise<KubeObject[]> {
  if (namespace === undefined || runOf(namespace) === undefined) return [];
  return foreignObjects(namespace, await access.contentOf(namespace.metadata.name));
}

/** The rights that a run needs. */
export function requiredRights(created: readonly KubeObject[]): Right[] {
  const { namespace } = demo;
  const changed = [namespaceObject(), netExporterObject(), leaseReference, ...created].flatMap((object) =>
    ['create', 'get', 'delete'].map((verb): Right => {
      const { namespace } = object.metadata;
      return { verb, ...resourceOf(object), ...(namespace !== undefined && { namespace }) };
    }),
  );
  const read = ['pods', 'services', 'nodes'].map((resource) => ({ group: '', resource }));
  const discovered = [...read, { group: 'discovery.k8s.io', resource: 'endpointslices' }].flatMap((each) =>
    ['list', 'watch'].map((verb) => ({ verb, ...each })),
  );
  const others: Right[] = [
    { verb: 'patch', ...resourceOf(leaseReference), namespace },
    { verb: 'list', group: 'net-exporter.dev', resource: 'netexporters' },
    { verb: 'get', group: '', resource: 'pods', subresource: 'proxy', namespace },
    // Before its namespace is deleted, the demo looks for objects that others created in it.
    { verb: 'list', group: '*', resource: '*', namespace },
  ];
  return uniqueRights([...changed, ...discovered, ...others]);
}

function uniqueRights(rights: readonly Right[]): Right[] {
  return [...new Map(rights.map((right) => [JSON.stringify(right), right])).values()];
}

/** A reason not to run, for each right that is missing, as the command by which the user can check it. */
export function describeRight({ verb, group, resource, subresource, namespace }: Right): string {
  const type = group === '' ? resource : `${resource}.${group}`;
  const where = namespace === undefined ? '' : ` -n ${namespace}`;
  const part = subresource === undefined ? '' : ` --subresource=${subresource}`;
  return `You lack a right: kubectl auth can-i ${verb} '${type}'${part}${where} answers no.`;
}

/** Creating a role needs every right in it, which only the API server can check. */
export async function forbiddenRoles(access: ObjectAccess, install: readonly KubeObject[]): Promise<string[]> {
  const problems: string[] = [];
  for (const role of install.filter(({ kind }) => kind === 'ClusterRole')) {
    const input = JSON.stringify(role);
    await access.kubectl(['create', '--dry-run=server', '-f', '-'], { input }).catch((error: Error) => {
      if (/forbidden/i.test(error.message)) problems.push(`You may not create the ${nameOf(role)}: ${error.message}`);
    });
  }
  return problems;
}
