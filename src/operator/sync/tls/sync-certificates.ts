import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import {
  backdatedMs,
  canIssue,
  createAuthority,
  type IssuedCertificate,
  isOurName,
  issueServing,
} from './certificate-authority.ts';

/** All that the sync server proves itself with. */
export interface SyncCertificates {
  /** Certificates of the authorities to trust, newest first, each PEM. The first one issues. */
  authorities: string[];
  /** The key of the first authority, PEM; empty where it is lost. */
  authorityKey: string;
  serving: IssuedCertificate;
}

/** What must be renewed. */
export interface Due {
  authority: boolean;
  serving: boolean;
}

/** A certificate is renewed when so much of its life is over. */
const renewedAt = 2 / 3;

/**
 * How long agents have to learn of a new authority before a withdrawn one is no longer trusted. The kubelet refreshes a
 * mounted ConfigMap within about 90 s by default.
 */
export const withdrawalMs = 5 * 60_000;

/** A lost key means a new authority; this bounds the agents' ConfigMap if keys are lost repeatedly. */
const maxAuthorities = 4;

/**
 * What must be renewed now. The input may be broken, incomplete or missing.
 * @param serverName the DNS name that agents ask for
 * @param now milliseconds since the epoch
 * @param rotateBefore authorities that were made before are withdrawn, once this time has come
 */
export function dueOf(
  held: SyncCertificates | undefined,
  serverName: string,
  now: number,
  rotateBefore = -Infinity,
): Due {
  const [newest] = trustedOf(held, now);
  const authority =
    !newest || !issues(held!.authorityKey, newest) || isWorn(newest, now) || isWithdrawn(newest, now, rotateBefore);
  return {
    authority,
    serving: !isUsable(held, serverName, now) || isWorn(new X509Certificate(held.serving.certificate), now),
  };
}

/** Whether agents that trust these authorities accept a server with this certificate at this time. */
export function isUsable(
  held: SyncCertificates | undefined,
  serverName: string,
  now: number,
): held is SyncCertificates {
  const serving = held && parsed(held.serving.certificate);
  if (!serving || !belongs(held.serving.key, serving) || !isValid(serving, now)) return false;
  if (serving.checkHost(serverName) === undefined) return false;
  return trustedOf(held, now).some((authority) => isIssuedBy(serving, authority));
}

/**
 * Renews what is due and leaves the rest as it is. Whatever was trusted and still is valid stays trusted, so that no
 * agent has to learn of a new authority in the moment in which it is first used. A withdrawn authority is trusted, and
 * its certificate in use, until agents have had the time to learn of the new one.
 * @param rotateBefore authorities that were made before are withdrawn, once this time has come
 * @returns the very same where nothing is due
 */
export async function renewed(
  held: SyncCertificates | undefined,
  serverName: string,
  now: number,
  rotateBefore = -Infinity,
): Promise<SyncCertificates> {
  const trusted = withoutWithdrawn(trustedOf(held, now), now, rotateBefore);
  const due = dueOf(held && { ...held, authorities: trusted.map(pemOf) }, serverName, now, rotateBefore);
  if (held && !due.authority && !due.serving && trusted.length === held.authorities.length) return held;
  // A new authority is not known to the agents yet: the old one, where it can, issues a certificate that lasts until it
  // is.
  const issuer = trusted[0] && issues(held!.authorityKey, trusted[0]) ? trusted[0] : undefined;
  const old = issuer && { certificate: pemOf(issuer), key: held!.authorityKey };
  const fresh = due.authority ? await createAuthority(now) : undefined;
  const serving = due.serving || (fresh && old) ? await issueServing(old ?? fresh!, serverName, now) : held!.serving;
  const authorities = [...(fresh ? [fresh.certificate] : []), ...trusted.map(pemOf)];
  return {
    authorities: bounded(authorities, serving.certificate),
    authorityKey: fresh ? fresh.key : held!.authorityKey,
    serving,
  };
}

/** The authorities of these certificates that are valid at this time, in the same order. Invalid ones are omitted. */
function trustedOf(held: SyncCertificates | undefined, now: number): X509Certificate[] {
  return (held?.authorities ?? [])
    .map(parsed)
    .filter((certificate) => certificate !== undefined)
    .filter((certificate) => certificate.ca && isValid(certificate, now));
}

/** Without the withdrawn ones, once agents have had the time to learn of the newest. */
function withoutWithdrawn(authorities: X509Certificate[], now: number, rotateBefore: number): X509Certificate[] {
  const [newest] = authorities;
  if (!newest || isWithdrawn(newest, now, rotateBefore) || now < issuedAt(newest) + withdrawalMs) return authorities;
  return authorities.filter((authority) => !isWithdrawn(authority, now, rotateBefore));
}

function isWithdrawn(authority: X509Certificate, now: number, rotateBefore: number): boolean {
  // Certificates count in seconds.
  return rotateBefore <= now && issuedAt(authority) < Math.floor(rotateBefore / 1000) * 1000;
}

/** When an authority was made: ours begin earlier. */
function issuedAt({ subject, validFromDate }: X509Certificate): number {
  return validFromDate.getTime() + (isOurName(subject) ? backdatedMs : 0);
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** The newest, and the one that the serving certificate comes from. */
function bounded(authorities: string[], serving: string): string[] {
  if (authorities.length <= maxAuthorities) return authorities;
  const certificate = new X509Certificate(serving);
  const [newest, ...older] = authorities;
  const needed = older.filter((pem) => isIssuedBy(certificate, new X509Certificate(pem)));
  const others = older.filter((pem) => !needed.includes(pem));
  return [newest!, ...needed, ...others].slice(0, maxAuthorities);
}

function belongs(key: string, certificate: X509Certificate): boolean {
  const read = readKey(key);
  return read !== undefined && certificate.checkPrivateKey(read);
}

function issues(key: string, authority: X509Certificate): boolean {
  const read = readKey(key);
  return read !== undefined && authority.checkPrivateKey(read) && canIssue(read);
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

function parsed(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function pemOf(certificate: X509Certificate): string {
  return certificate.toString();
}

/** Not before it begins either: that of a clock which was ahead when it was made would be refused by everyone. */
function isValid({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now < validToDate.getTime();
}

function isWorn(certificate: X509Certificate, now: number): boolean {
  return !isValid(certificate, now) || now >= wornAt(certificate);
}

function wornAt({ validFromDate, validToDate }: X509Certificate): number {
  const from = validFromDate.getTime();
  return from + (validToDate.getTime() - from) * renewedAt;
}
