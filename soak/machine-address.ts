import { getJson, type Kubectl } from '../test/e2e/agents.ts';

/** The address by which pods reach this machine, on which the API server listens too. */
export async function machineAddress({ kubectl }: { kubectl: Kubectl }): Promise<string> {
  const slice = await getJson<{ endpoints: { addresses: string[] }[] }>(kubectl, ['endpointslice', 'kubernetes']);
  return slice.endpoints[0]!.addresses[0]!;
}
