import { join } from 'node:path';
import type { Kubectl } from './agents.ts';

const manifests = join(import.meta.dirname, '../../manifests');

/**
 * Installs the operator as a user does and waits until it is up.
 * @throws Error with kubectl's message when the operator does not become available
 */
export async function installOperator(kubectl: Kubectl): Promise<void> {
  await kubectl(['apply', '-f', join(manifests, 'install.yaml')]);
  await waitForOperator(kubectl);
}

/**
 * Waits until an operator that has been installed is up.
 * @throws Error with kubectl's message when it does not become available
 */
export async function waitForOperator(kubectl: Kubectl): Promise<void> {
  await kubectl(['wait', '--for=condition=Established', 'crd/netexporters.net-exporter.dev', '--timeout=120s']);
  await kubectl([
    ...['rollout', 'status', '-n', 'net-exporter-system', 'deployment/net-exporter-operator', '--timeout=180s'],
  ]);
}

/** Applies the sample NetExporter, with its namespace, as the README does. */
export async function applySample(kubectl: Kubectl): Promise<void> {
  for (const file of ['namespace.yaml', 'default.yaml'])
    await kubectl(['apply', '-f', join(manifests, 'samples', file)]);
}
