import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { installObjects, marked, namespaceObject, netExporterObject } from '../../demo/demo-objects.ts';
import { describePlan, planDemo, type Survey } from '../../demo/demo-plan.ts';
import { type KubeObject, nameOf } from '../../demo/object-access.ts';

const install = await installObjects();
const run = 'demo-1.2-abcdef';
const empty: Survey = {
  demoNamespace: undefined,
  isRunning: false,
  installed: [],
  netExporters: [],
  foreign: { demo: [], operator: [] },
};
const available = install.map((object) =>
  object.kind === 'Deployment' ? { ...object, status: { availableReplicas: 1 } } : object,
);
const left = install.map((object) => marked(object, run));
const theirs: KubeObject = { ...netExporterObject(), metadata: { namespace: 'monitoring', name: 'default' } };
const configMap: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'any', name: 'mine' } };

function plan(survey: Partial<Survey>) {
  return planDemo({ ...empty, ...survey }, install);
}

function change(kind: string, fields: (object: KubeObject) => object): KubeObject[] {
  return available.map((object) => (object.kind === kind ? { ...object, ...fields(object) } : object));
}

describe('the demo', () => {
  it('installs the operator where nothing of it is there', () => {
    assert.deepEqual(plan({}), { leftovers: [], installs: true });
  });

  it('uses an operator that is there', () => {
    assert.deepEqual(plan({ installed: available, netExporters: [theirs] }), { leftovers: [], installs: false });
  });

  it('uses an operator that somebody installed without the parts that it can do without', () => {
    const installed = available.filter(({ kind }) => !['PodDisruptionBudget', 'NetworkPolicy'].includes(kind));
    assert.equal(plan({ installed }).installs, false);
  });

  it('removes what a killed run left, whole or in part, and installs the operator anew', () => {
    const demoNamespace = marked(namespaceObject(), run);
    for (const installed of [left, left.slice(0, 4)])
      assert.deepEqual(plan({ demoNamespace, installed }), {
        leftovers: [demoNamespace, ...installed],
        installs: true,
      });
  });

  it('uses an operator that a killed run left where somebody else uses it by now', () => {
    const installed = available.map((object) => marked(object, run));
    for (const survey of [{ netExporters: [theirs] }, { foreign: { demo: [], operator: [configMap] } }])
      assert.deepEqual(plan({ installed, ...survey }), { leftovers: [], installs: false });
  });

  it("does not take its own NetExporters for somebody else's", () => {
    assert.equal(plan({ installed: left, netExporters: [marked(netExporterObject(), run)] }).installs, true);
  });
});

describe('the demo refuses a cluster', () => {
  const refusals: [string, Partial<Survey>, RegExp][] = [
    ['with a namespace of its name that it did not create', { demoNamespace: namespaceObject() }, /did not create it/],
    [
      'on which another demo is running',
      { demoNamespace: marked(namespaceObject(), run), isRunning: true },
      /Another demo is running/,
    ],
    [
      "whose leftover namespace has a user's objects in it",
      { demoNamespace: marked(namespaceObject(), run), foreign: { demo: [configMap], operator: [] } },
      /ConfigMap any\/mine/,
    ],
    [
      'with a CustomResourceDefinition and no operator',
      { installed: install.slice(0, 1) },
      /Only a part .* Missing: Namespace net-exporter-system, .* and \d+ more/,
    ],
    [
      'with an operator and no CustomResourceDefinition',
      { installed: available.slice(1) },
      /Missing: CustomResourceDefinition netexporters/,
    ],
    [
      'with a part of a killed run and a NetExporter of a user',
      { installed: left.slice(0, 3), netExporters: [theirs] },
      /Only a part/,
    ],
    ['whose operator is not available', { installed: install }, /0 of 2 replicas/],
    [
      'whose operator has not been rolled out since it was changed',
      {
        installed: change('Deployment', ({ metadata }) => ({
          metadata: { ...metadata, generation: 3 },
          status: { availableReplicas: 2, observedGeneration: 2 },
        })),
      },
      /not available/,
    ],
    [
      'whose definition serves another version',
      { installed: change('CustomResourceDefinition', () => ({ spec: { versions: [{ name: 'v1', served: true }] } })) },
      /serves v1, not v1alpha1/,
    ],
    [
      'whose definition has the version and does not serve it',
      {
        installed: change('CustomResourceDefinition', () => ({
          spec: { versions: [{ name: 'v1alpha1', served: false }] },
        })),
      },
      /not v1alpha1/,
    ],
    [
      'whose definition lacks fields',
      {
        installed: change('CustomResourceDefinition', () => ({
          spec: { versions: [{ name: 'v1alpha1', served: true }] },
        })),
      },
      /has no dns\.hosts/,
    ],
    [
      'whose installation is being deleted',
      {
        installed: change('Namespace', ({ metadata }) => ({
          metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
        })),
      },
      /Namespace net-exporter-system: deletion in progress/,
    ],
  ];
  for (const [what, survey, reason] of refusals)
    it(what, () => {
      assert.throws(() => plan(survey), { code: 'DEMO_REFUSED', message: reason });
    });

  it('and names every reason at once', () => {
    const survey = { demoNamespace: namespaceObject(), installed: install };
    assert.throws(() => plan(survey), { message: /did not create it[\s\S]*not available/ });
  });
});

describe('what the user reads before agreeing', () => {
  it('names each object that is added', () => {
    const text = describePlan({ leftovers: [], installs: true }, install).join('\n');
    for (const object of [namespaceObject(), netExporterObject(), ...install]) assert.ok(text.includes(nameOf(object)));
  });

  it('says that an installed operator is used as it is', () => {
    const lines = describePlan({ leftovers: [], installs: false }, install);
    assert.ok(!lines.join('\n').includes('Deployment'));
    assert.ok(lines.includes('Used as it is: the installed operator'));
  });

  it('names what is removed first, and whose it was', () => {
    const lines = describePlan({ leftovers: [marked(namespaceObject(), run)], installs: false }, install);
    assert.ok(lines.includes(`  - Namespace net-exporter-demo (${run})`));
  });
});
