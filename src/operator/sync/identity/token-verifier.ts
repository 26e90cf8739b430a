import { hash } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { Clock } from '../../../base/clock.ts';
import type { ServiceAccountKeys, VerificationKeys } from './service-account-keys.ts';
import { SyncRefusal } from './sync-refusal.ts';

/**
 * Whom a token was made for: what the API server says under `kubernetes.io` in a token that is bound to a pod
 * (KEP-4193).
 */
export interface TokenClaims {
  namespace: string;
  serviceAccount: string;
  pod: string;
  podUid: string;
  node: string;
}

/** What API servers sign with; no algorithm whose key is a shared secret. */
const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];

/** How far our clock and the API server's may differ, as in the API server's own check. */
const clockToleranceSeconds = 60;

/** Tokens that have been verified are remembered: three for each of 5,000 agents. */
const maxRemembered = 16_384;

interface Verified {
  claims: TokenClaims;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  keys: VerificationKeys;
}

/**
 * Verifies projected tokens of service accounts without asking anybody. An agent shows the same token for most of an
 * hour, so the signature of one that has been verified is not computed again: its digest is remembered until it or its
 * key expires.
 */
export class TokenVerifier {
  readonly #keys: ServiceAccountKeys;
  readonly #audience: string;
  readonly #clock: Clock;
  /** By SHA-256 of the token, so that no token is kept; in the order of verification. */
  readonly #verified = new Map<string, Verified>();

  constructor(options: { keys: ServiceAccountKeys; audience: string; clock: Clock }) {
    this.#keys = options.keys;
    this.#audience = options.audience;
    this.#clock = options.clock;
  }

  /**
   * @throws SyncRefusal InvalidToken, and which of its parts is wrong
   * @throws ApiError while the API server's keys are not known
   */
  async verify(token: string): Promise<TokenClaims> {
    const digest = hash('sha256', token, 'base64');
    const keys = await this.#keys.current();
    const verified = this.#verified.get(digest);
    if (verified && verified.keys === keys && this.#clock.wall() < verified.expiresAt) return verified.claims;
    this.#verified.delete(digest);
    const fresh = await this.#verifyWith(keys, token);
    this.#remember(digest, fresh);
    return fresh.claims;
  }

  async #verifyWith(keys: VerificationKeys, token: string): Promise<Verified> {
    try {
      return await this.#check(keys, token);
    } catch (error) {
      // The API server may have got another key or issuer since.
      const others = mayBeNew(error) ? await this.#keys.others(keys) : keys;
      if (others === keys) throw refusalOf(error);
      return await this.#check(others, token).catch((again) => {
        throw refusalOf(again);
      });
    }
  }

  async #check(keys: VerificationKeys, token: string): Promise<Verified> {
    const { payload } = await jwtVerify(token, keys.find, {
      algorithms,
      issuer: keys.issuers,
      audience: this.#audience,
      requiredClaims: ['exp'],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(this.#clock.wall()),
    });
    const expiresAt = (payload.exp! + clockToleranceSeconds) * 1000;
    return { claims: claimsOf(payload['kubernetes.io']), expiresAt, keys };
  }

  #remember(digest: string, verified: Verified): void {
    if (this.#verified.size >= maxRemembered) this.#forgetExpired();
    if (this.#verified.size >= maxRemembered) this.#verified.delete(this.#verified.keys().next().value!);
    this.#verified.set(digest, verified);
  }

  #forgetExpired(): void {
    const now = this.#clock.wall();
    for (const [digest, { expiresAt }] of this.#verified) if (expiresAt <= now) this.#verified.delete(digest);
  }
}

/** Whether a token could be good by keys that are not known yet. */
function mayBeNew(error: unknown): boolean {
  if (error instanceof errors.JWTClaimValidationFailed) return error.claim === 'iss';
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed;
}

function claimsOf(value: unknown): TokenClaims {
  const { namespace, serviceaccount, pod, node } = (value ?? {}) as {
    namespace?: unknown;
    serviceaccount?: { name?: unknown };
    pod?: { name?: unknown; uid?: unknown };
    node?: { name?: unknown };
  };
  const claims = {
    namespace,
    serviceAccount: serviceaccount?.name,
    pod: pod?.name,
    podUid: pod?.uid,
    node: node?.name,
  };
  const missing = Object.entries(claims).find(([, claim]) => typeof claim !== 'string' || claim === '');
  if (missing)
    throw new SyncRefusal('InvalidToken', `the token has no ${missing[0]}; use the projected token of a running pod`);
  return claims as TokenClaims;
}

/** Refusals never quote the token. */
function refusalOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new SyncRefusal('InvalidToken', 'the token has expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new SyncRefusal('InvalidToken', `the token has an invalid ${error.claim}`);
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed)
    return new SyncRefusal('InvalidToken', "the token is not signed by this cluster's API server");
  if (error instanceof errors.JOSEError) return new SyncRefusal('InvalidToken', 'the bearer token is not a JWT');
  return error;
}
