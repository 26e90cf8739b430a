import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';

/** A pod that a token is for. */
export interface TokenPod {
  namespace: string;
  serviceAccount: { name: string; uid: string };
  pod: { name: string; uid: string };
  node: { name: string; uid: string };
}

/**
 * Makes the tokens that a kubelet would project into agents' pods, with the API server's own key: asking it for 5,000
 * of them would take the machine a minute.
 * Source of the claims: KEP-4193; of the key's id: the API server's, SHA-256 of the public key as DER.
 */
export class AgentTokens {
  readonly #issuer: string;
  readonly #audience: string;
  readonly #key: KeyObject;
  readonly #header: string;

  /** @param key the private key as PEM, of ECDSA P-256 */
  constructor({ issuer, audience, key }: { issuer: string; audience: string; key: string }) {
    this.#issuer = issuer;
    this.#audience = audience;
    this.#key = createPrivateKey(key);
    const published = createPublicKey(this.#key).export({ type: 'spki', format: 'der' });
    const kid = createHash('sha256').update(published).digest('base64url');
    this.#header = encoded({ alg: 'ES256', kid });
  }

  /** A token that is good for some hours from `now`, milliseconds since the epoch. */
  issue({ namespace, serviceAccount, pod, node }: TokenPod, now: number): string {
    const seconds = Math.floor(now / 1000);
    const claims = {
      aud: [this.#audience],
      exp: seconds + 6 * 3600,
      iat: seconds,
      iss: this.#issuer,
      jti: crypto.randomUUID(),
      'kubernetes.io': { namespace, node, pod, serviceaccount: serviceAccount },
      nbf: seconds,
      sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    };
    const signed = `${this.#header}.${encoded(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
