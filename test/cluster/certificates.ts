import { mkdir, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { run } from './command.ts';

export interface CertificateFiles {
  certificate: string;
  key: string;
}

export interface CertificateSubject {
  commonName: string;
  /** The groups that the API server sees. */
  organization?: string;
  /** DNS names and IP addresses; a certificate with some serves as well. */
  hosts?: readonly string[];
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '365', '-sha256'];

/** The cluster's certificate authority, in a folder of its own. */
export class CertificateAuthority {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get certificate(): string {
    return join(this.#directory, 'ca.crt');
  }

  get key(): string {
    return join(this.#directory, 'ca.key');
  }

  /** The key that signs service-account tokens; `publicKey` verifies them. */
  get serviceAccountKey(): { key: string; publicKey: string } {
    return { key: join(this.#directory, 'sa.key'), publicKey: join(this.#directory, 'sa.pub') };
  }

  /** Makes the authority's own certificate. */
  async create(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    // openssl's own configuration would make every certificate an authority.
    await writeFile(this.#configuration, '[req]\ndistinguished_name = name\n[name]\n');
    const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'];
    await this.#request('ca', { commonName: 'net-exporter-cluster' }, extensions, []);
  }

  /** Makes the service-account key. */
  async createServiceAccountKey(): Promise<void> {
    const { key, publicKey } = this.serviceAccountKey;
    await run(['openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key]);
    await run(['openssl', 'pkey', '-in', key, '-pubout', '-out', publicKey]);
  }

  /** Issues a certificate into the files `name`.crt and `name`.key: for a client, and for a server if it has hosts. */
  async issue(name: string, subject: CertificateSubject): Promise<CertificateFiles> {
    const hosts = subject.hosts ?? [];
    const names = hosts.map((host) => (isIP(host) ? `IP:${host}` : `DNS:${host}`));
    const extensions = [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      `extendedKeyUsage=clientAuth${hosts.length > 0 ? ',serverAuth' : ''}`,
      ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
    ];
    return await this.#request(name, subject, extensions, ['-CA', this.certificate, '-CAkey', this.key]);
  }

  get #configuration(): string {
    return join(this.#directory, 'openssl.cnf');
  }

  async #request(
    name: string,
    { commonName, organization }: CertificateSubject,
    extensions: string[],
    issuer: string[],
  ): Promise<CertificateFiles> {
    const files = { certificate: join(this.#directory, `${name}.crt`), key: join(this.#directory, `${name}.key`) };
    const subject = `${organization === undefined ? '' : `/O=${organization}`}/CN=${commonName}`;
    await run([
      ...['openssl', 'req', '-x509', '-config', this.#configuration, ...newKey, ...issuer, '-subj', subject],
      ...extensions.flatMap((extension) => ['-addext', extension]),
      ...['-keyout', files.key, '-out', files.certificate],
    ]);
    return files;
  }
}
