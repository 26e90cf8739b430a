import { apiUses } from '../../src/contract/api-uses.ts';
import { operatorNamespace, syncServiceName } from '../../src/contract/operator-names.ts';
import { installOperator } from '../../test/e2e/installation.ts';
import { pathOf } from '../../test/faults/desired-state.ts';
import { damages } from '../../test/faults/sequence-plan.ts';
import type { Operation, Stage } from './stage.ts';

/** A DaemonSet that is made anew, or whose template changes, replaces all agents. */
const rollout = 240;

const children = [
  apiUses.serviceAccounts,
  apiUses.services,
  apiUses.configMaps,
  apiUses.daemonSets,
  apiUses.networkPolicies,
];

/** The objects of the operator itself, each with a merge patch that spoils it. */
const own = [
  { use: apiUses.syncSecret, patch: { data: { 'tls.key': 'c3BvaWx0' } } },
  { use: apiUses.leaderEndpointSlice, patch: { endpoints: [{ addresses: ['192.0.2.1'] }] } },
  { use: apiUses.leases, patch: { spec: { holderIdentity: 'somebody' } } },
];

/** Children of a NetExporter and objects of the operator that someone deletes or overwrites. */
export const objects: readonly Operation[] = [
  ...children.flatMap((use): Operation[] => {
    const { kind, plural } = use;
    const path = (stage: Stage, suffix: string) => `${pathOf(use, stage.namespace)}/${stage.name}-${suffix}`;
    const possible = damages.filter(([resource]) => resource === plural);
    return [
      {
        name: `deletion of a ${kind}`,
        isPlanned: false,
        deadline: rollout,
        run: async (stage) => {
          const [, suffix] = stage.random.pick(possible);
          await stage.delete(path(stage, suffix));
        },
      },
      {
        name: `overwritten ${kind}`,
        isPlanned: false,
        deadline: rollout,
        run: async (stage) => {
          const [, suffix, patch] = stage.random.pick(possible);
          await stage.patch(path(stage, suffix), patch, `${kind} ${suffix}`);
        },
      },
    ];
  }),
  ...own.flatMap(({ use, patch }): Operation[] => {
    const path = `${pathOf(use, use.namespace)}/${use.name}`;
    return [
      { name: `deletion of the operator's ${use.kind}`, isPlanned: false, run: (stage) => stage.delete(path) },
      { name: `overwritten ${use.kind} of the operator`, isPlanned: false, run: (stage) => stage.patch(path, patch) },
    ];
  }),
  {
    name: 'Service that agents call deleted and applied again',
    isPlanned: false,
    deadline: 180,
    run: async (stage) => {
      stage.later('the installation', () => installOperator(stage.bench.kubectl));
      await stage.delete(`/api/v1/namespaces/${operatorNamespace}/services/${syncServiceName}`);
      await stage.describe({ names: [syncServiceName], remedy: /apply manifests\/install\.yaml/ });
      await stage.pass(stage.random.integer(5, 15));
    },
  },
];
