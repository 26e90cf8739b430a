import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { settingsMetrics } from '../../src/contract/metrics/agent-metrics.ts';
import { datasource } from './panels.ts';

/** Agents say themselves where they run, whatever labels the scrape configuration adds. */
const info = settingsMetrics.info.name;

/** Matches also series without the label: Prometheus of one cluster usually has no label `cluster`. */
const any = '.*';
/** Series without these labels are of other programs. */
const anyOfOurs = '.+';

/** What a user can choose, each within what is chosen before it. */
export function variables(): Builder<VariableModel>[] {
  return [
    new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    choice('cluster', 'Cluster', info, 'cluster', any).multi(false).current({ text: 'All', value: '$__all' }),
    choice('namespace', 'Namespace', `${info}{cluster=~"$cluster"}`, 'namespace', anyOfOurs),
    choice(
      'netexporter',
      'NetExporter',
      `${info}{cluster=~"$cluster",namespace=~"$namespace"}`,
      'netexporter',
      anyOfOurs,
    ),
    choice('zone', 'Zone', chosenInfo, 'agent_zone', any),
    choice('node', 'Node', `${chosenInfo.slice(0, -1)},agent_zone=~"$zone"}`, 'agent_node', any),
  ];
}

const chosenInfo = `${info}{cluster=~"$cluster",namespace=~"$namespace",netexporter=~"$netexporter"}`;

/** The values of a label, several of them or all. */
function choice(name: string, title: string, series: string, label: string, all: string): QueryVariableBuilder {
  const query = `label_values(${series}, ${label})`;
  return new QueryVariableBuilder(name)
    .label(title)
    .datasource(datasource)
    .query({ query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(all)
    .current({ text: ['All'], value: ['$__all'] });
}
