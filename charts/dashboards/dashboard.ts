import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { agentsRow } from './agents-row.ts';
import { clockRow } from './clock-row.ts';
import { dnsRow } from './dns-row.ts';
import { documentation, runbooks } from './links.ts';
import { nodesRow } from './nodes-row.ts';
import { operatorRow } from './operator-row.ts';
import { overviewRow } from './overview-row.ts';
import type { Panel } from './panels.ts';
import { variables } from './variables.ts';
import { zonesRow } from './zones-row.ts';

/** Its address in Grafana is `/d/` and this. */
export const dashboardUid = 'net-exporter';

/** The dashboard about the NetExporters of a cluster. */
export function dashboard(): Dashboard {
  const builder = new DashboardBuilder('NetExporter')
    .uid(dashboardUid)
    .description('DNS and pod network of a cluster as seen from every node, what is at fault, and the monitor itself.')
    .tags(['net-exporter', 'network', 'dns'])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('1m')
    .variables(variables())
    .links([
      link('Runbooks', runbooks, 'What to do about an alert or a suspect'),
      link('Judgement', `${documentation}/judgement.md`, 'How suspects are found, and what cannot be known'),
      link('Metrics', `${documentation}/metrics.md`, 'Every metric and label'),
    ]);
  for (const [title, panels] of Object.entries(rows())) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const built = builder.build();
  built.panels?.forEach((panel, index) => {
    panel.id = index + 1;
  });
  return built;
}

function rows(): Record<string, Panel[]> {
  return {
    Overview: overviewRow(),
    'Zones: $zone': zonesRow(),
    'Nodes: $node': nodesRow(dashboardUid),
    'DNS, from $node': dnsRow(),
    'Clock of $node': clockRow(),
    'The monitor itself: agents': agentsRow(),
    'The monitor itself: operator': operatorRow(),
  };
}

function link(title: string, url: string, tooltip: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .icon('doc')
    .url(url)
    .tooltip(tooltip)
    .targetBlank(true);
}
