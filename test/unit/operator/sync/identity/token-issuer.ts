import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose';
import type { PublishedKeys } from '../../../../../src/operator/sync/identity/published-keys.ts';

/** What a token says beside what it says by itself. */
export interface TokenOptions {
  audience?: string;
  issuer?: string;
  namespace?: string;
  serviceAccount?: string;
  pod?: string;
  podUid?: string;
  node?: string | null;
  /** Seconds since the epoch. */
  issuedAt?: number;
  lifeSeconds?: number;
}

/** Signs tokens as the API server does for pods, with keys of its own. */
export class TokenIssuer {
  readonly issuer: string;
  readonly #algorithm: string;
  #keys: { id: string; privateKey: CryptoKey; publicKey: CryptoKey }[] = [];

  private constructor(issuer: string, algorithm: string) {
    this.issuer = issuer;
    this.#algorithm = algorithm;
  }

  static async create(
    algorithm = 'ES256',
    issuer = 'https://kubernetes.default.svc.cluster.local',
  ): Promise<TokenIssuer> {
    const made = new TokenIssuer(issuer, algorithm);
    await made.addKey('first');
    return made;
  }

  /** Signs with this key from now on. */
  async addKey(id: string): Promise<void> {
    const pair = await generateKeyPair(this.#algorithm, { extractable: true });
    this.#keys.unshift({ id, ...pair });
  }

  /** Publishes no key any more but the one that signs. */
  withdraw(): void {
    this.#keys = this.#keys.slice(0, 1);
  }

  async published(): Promise<PublishedKeys> {
    const keys: JSONWebKeySet['keys'] = [];
    for (const { id, publicKey } of this.#keys)
      keys.push({ ...(await exportJWK(publicKey)), kid: id, use: 'sig', alg: this.#algorithm });
    return { issuer: this.issuer, keys: { keys } };
  }

  sign(options: TokenOptions = {}): Promise<string> {
    const {
      namespace = 'monitoring',
      serviceAccount = 'default-agent',
      pod = 'default-agent-x',
      podUid = 'uid-x',
    } = options;
    const { node = 'node-1', issuedAt = Math.floor(Date.now() / 1000), lifeSeconds = 3600 } = options;
    const [{ id, privateKey } = this.#keys[0]!] = this.#keys;
    return new SignJWT({
      'kubernetes.io': {
        namespace,
        ...(node !== null && { node: { name: node, uid: `uid-${node}` } }),
        pod: { name: pod, uid: podUid },
        serviceaccount: { name: serviceAccount, uid: 'uid-sa' },
      },
    })
      .setProtectedHeader({ alg: this.#algorithm, kid: id })
      .setIssuer(options.issuer ?? this.issuer)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
      .setAudience(options.audience ?? 'net-exporter')
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + lifeSeconds)
      .sign(privateKey);
  }
}
