import { readFile, writeFile } from 'node:fs/promises';
import type { CertificateFiles } from './certificates.ts';

export interface KubeconfigOptions {
  cluster: string;
  server: string;
  authority: string;
  client: CertificateFiles;
}

/** Writes a kubeconfig that stands for itself: the certificates are in it. */
export async function writeKubeconfig(file: string, options: KubeconfigOptions): Promise<void> {
  const { cluster, server, authority, client } = options;
  const encode = async (path: string) => (await readFile(path)).toString('base64');
  const user = {
    'client-certificate-data': await encode(client.certificate),
    'client-key-data': await encode(client.key),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': await encode(authority) } }],
    users: [{ name: 'user', user }],
    contexts: [{ name: cluster, context: { cluster, user: 'user' } }],
    'current-context': cluster,
  };
  await writeFile(file, JSON.stringify(config, undefined, 2), { mode: 0o600 });
}
