import { basename, dirname } from 'node:path/posix';
import { Yaml } from 'cdk8s';
import { openApiDocument } from '../src/contract/api/openapi.ts';
import { metricsMarkdown } from '../src/contract/metrics/reference.ts';
import { referenceMarkdown } from '../src/crd/reference.ts';
import { definition } from './install/custom-resource-definition.ts';
import { installation } from './install/install.ts';
import { kustomization } from './install/kustomization.ts';
import { monitoringComponent, monitoringOverlay } from './install/monitoring-overlay.ts';
import { samples } from './install/samples.ts';
import { ruleFile } from './monitoring/rule-file.ts';

/** Every file below this folder is generated. */
export const generatedDirectory = 'manifests';

const notice = '# Written by `npm run synth` from charts/. Do not edit.\n';

/**
 * The text of every generated file by its path in the checkout, for a version of the operator.
 * @param dashboards by path below the generated directory; given, because nothing but the caller may import their SDK
 */
export function generatedFiles(version: string, dashboards: ReadonlyMap<string, string>): Map<string, string> {
  const manifests: Record<string, object[]> = {
    'crd.yaml': definition(),
    'install.yaml': installation(version),
    'kustomization.yaml': kustomization(),
    ...monitoringOverlay(
      version,
      [...dashboards.keys()].filter((path) => dirname(path) === monitoringComponent).map((path) => basename(path)),
    ),
    ...Object.fromEntries(Object.entries(samples()).map(([name, objects]) => [`samples/${name}.yaml`, objects])),
  };
  return new Map([
    ...Object.entries(manifests).map(([path, objects]): [string, string] => [
      `${generatedDirectory}/${path}`,
      notice + Yaml.stringify(...objects),
    ]),
    [`${generatedDirectory}/monitoring/rules.yaml`, notice + ruleFile()],
    ...[...dashboards].map(([path, text]): [string, string] => [
      `${generatedDirectory}/${path}`,
      path.endsWith('.yaml') ? notice + text : text,
    ]),
    ['docs/metrics.md', metricsMarkdown()],
    ['docs/reference.md', referenceMarkdown()],
    ['docs/openapi.json', `${JSON.stringify(openApiDocument(version), undefined, 2)}\n`],
  ]);
}
