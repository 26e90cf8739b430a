import { ApiError, type ApiErrorCode } from './api-error.ts';

/** What to do about a fault, by the code that Node gives it. */
const advice: { codes: RegExp; code: ApiErrorCode; say: string }[] = [
  {
    codes: /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_SIGNATURE_|CERT_UNTRUSTED|CERT_CHAIN_TOO_LONG|INVALID_CA)/,
    code: 'Untrusted',
    say: 'its certificate was not issued by the authority that we trust: put the CA of this cluster into certificate-authority-data of the kubeconfig (inside a cluster it is ca.crt of the service account)',
  },
  {
    codes: /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    code: 'Untrusted',
    say: 'its certificate is not valid at this time: renew it, or set the clock of this machine',
  },
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    code: 'Untrusted',
    say: 'its certificate is for other names: write one of them as server in the kubeconfig, or as tls-server-name',
  },
  {
    codes: /^ERR_SSL_.*ALERT/,
    code: 'Untrusted',
    say: 'it refuses our client certificate: renew client-certificate-data and client-key-data in the kubeconfig',
  },
  {
    codes: /^ERR_OSSL_(PEM|ASN1|X509|EVP)_|^ERR_OSSL_UNSUPPORTED$/,
    code: 'Untrusted',
    say: 'a certificate or key of ours is none: correct client-certificate-data and client-key-data in the kubeconfig, which are PEM in base64',
  },
  {
    codes: /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/,
    code: 'Unavailable',
    say: 'it does not speak TLS: correct the scheme or the port of server in the kubeconfig',
  },
  {
    codes: /^ECONNREFUSED$/,
    code: 'Unavailable',
    say: 'nothing listens there: start the API server, or correct server in the kubeconfig',
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    code: 'Unavailable',
    say: 'its name cannot be resolved: correct server in the kubeconfig, or the DNS of this machine',
  },
  {
    codes: /^(EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/,
    code: 'Unavailable',
    say: 'no way leads there: look at routes, firewalls and network policies',
  },
];

/** Makes an error, which says what to do where that is known, of a request to `server` that got no answer. */
export function connectionFault(cause: unknown, server: string): ApiError {
  const { code = '', message, cert } = firstFault(cause);
  const known = advice.find(({ codes }) => codes.test(code));
  // Node leaves the names out where an address was asked for.
  const names = cert?.subjectaltname ? `; it has ${cert.subjectaltname}` : '';
  const why = `no answer from the API server at ${server} (${message || code}${names})`;
  return new ApiError(known?.code ?? 'Unavailable', known ? `${why}: ${known.say}` : why, { cause });
}

/** Of several addresses tried in vain, the first one's. */
function firstFault(cause: unknown): { code?: string; message: string; cert?: { subjectaltname?: string } } {
  if (cause instanceof AggregateError && cause.errors.length > 0) return firstFault(cause.errors[0]);
  return cause instanceof Error ? cause : { message: String(cause) };
}
