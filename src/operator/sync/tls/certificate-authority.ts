import { createPrivateKey, type KeyObject, webcrypto } from 'node:crypto';

type CryptoKeyPair = webcrypto.CryptoKeyPair;

/** A certificate and its private key, both PEM. */
export interface IssuedCertificate {
  certificate: string;
  /** PKCS #8. A secret: it goes into no log and no message. */
  key: string;
}

/** How long certificates are good for, in milliseconds. */
export const authorityLifeMs = 3 * 365 * 86_400_000;
export const servingLifeMs = 90 * 86_400_000;

/** Nodes whose clocks are behind by less than this accept a new certificate, too. */
export const backdatedMs = 3_600_000;

/** What the names of our authorities begin with. */
const namePrefix = 'CN=net-exporter-operator sync ';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * Makes a certificate authority that may issue certificates of servers and nothing else (RFC 5280 §4.2.1).
 * @param now milliseconds since the epoch
 */
export async function createAuthority(now: number): Promise<IssuedCertificate> {
  const x509 = await library();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // Two authorities of one name would be told apart by their keys' identifiers alone.
    name: `${namePrefix}${serialNumber().slice(0, 8)}`,
    notBefore: new Date(now - backdatedMs),
    notAfter: new Date(now + authorityLifeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

/**
 * Issues a server's certificate, which ends with its authority's at the latest.
 * @param serverName the DNS name that clients ask for
 * @param now milliseconds since the epoch
 * @throws where the authority's certificate or key cannot be read
 */
export async function issueServing(
  authority: IssuedCertificate,
  serverName: string,
  now: number,
): Promise<IssuedCertificate> {
  const x509 = await library();
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${serverName}`,
    issuer: issuer.subjectName,
    notBefore: new Date(Math.max(now - backdatedMs, issuer.notBefore.getTime())),
    notAfter: new Date(Math.min(now + servingLifeMs, issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: await signingKeyOf(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: serverName }]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

/** Loaded when it is needed, a few times a year: it takes 24 MB. It needs the first of the two to be there. */
async function library(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

function newKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;
}

async function pemOf(key: CryptoKey): Promise<string> {
  const octets = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = octets.toString('base64').replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN PRIVATE KEY-----\n${lines}-----END PRIVATE KEY-----\n`;
}

/** Whether an authority of this subject was made here, as far as its name says. */
export function isOurName(subject: string): boolean {
  return subject.startsWith(namePrefix);
}

/** Whether an authority with this key can issue certificates: those who bring their own may bring another one. */
export function canIssue({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

function signingKeyOf(pem: string): Promise<CryptoKey> {
  // Also of a key in another encoding, such as that of `openssl ecparam -genkey`.
  const octets = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', octets, algorithm, false, ['sign']);
}

/** Positive, and never used before (RFC 5280 §4.1.2.2): 127 bits of chance. */
function serialNumber(): string {
  const octets = webcrypto.getRandomValues(new Uint8Array(16));
  // The highest bit would be a sign; a first octet of zero would be dropped.
  octets[0] = (octets[0]! & 0x7f) | 0x40;
  return Buffer.from(octets).toString('hex');
}
