import { ApiError, type ApiErrorCode } from './api-error.ts';

/** The cause of a connection failure and what to do, by Node's error code. */
const advice: { codes: RegExp; code: ApiErrorCode; say: string }[] = [
  {
    codes: /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_SIGNATURE_|CERT_UNTRUSTED|CERT_CHAIN_TOO_LONG|INVALID_CA)/,
    code: 'Untrusted',
    say: "its certificate is not signed by a trusted CA; put the cluster's CA into certificate-authority-data of the kubeconfig (inside a cluster, it is ca.crt of the service account)",
  },
  {
    codes: /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    code: 'Untrusted',
    say: 'its certificate is expired or not valid yet; renew it, or set the clock of this machine',
  },
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    code: 'Untrusted',
    say: 'its certificate is for other names; use one of them as server or tls-server-name in the kubeconfig',
  },
  {
    codes: /^ERR_SSL_.*ALERT/,
    code: 'Untrusted',
    say: 'it rejects the client certificate; renew client-certificate-data and client-key-data in the kubeconfig',
  },
  {
    codes: /^ERR_OSSL_(PEM|ASN1|X509|EVP)_|^ERR_OSSL_UNSUPPORTED$/,
    code: 'Untrusted',
    say: 'the client certificate or key is not valid PEM; correct client-certificate-data and client-key-data in the kubeconfig, which are base64 of PEM',
  },
  {
    codes: /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/,
    code: 'Unavailable',
    say: 'it does not use TLS; correct the scheme or the port of server in the kubeconfig',
  },
  {
    codes: /^ECONNREFUSED$/,
    code: 'Unavailable',
    say: 'nothing listens there; start the API server, or correct server in the kubeconfig',
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    code: 'Unavailable',
    say: 'its name does not resolve; correct server in the kubeconfig, or the DNS of this machine',
  },
  {
    codes: /^(EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/,
    code: 'Unavailable',
    say: 'no route to host; check routes, firewalls and network policies',
  },
];

/** The error of a request to `server` without a response. Its message says what to do if that is known. */
export function connectionFault(cause: unknown, server: string): ApiError {
  const { code = '', message, cert } = firstFault(cause);
  const known = advice.find(({ codes }) => codes.test(code));
  // Node omits the names if the request was to an IP address.
  const names = cert?.subjectaltname ? `; names in the certificate: ${cert.subjectaltname}` : '';
  const why = `no response from the API server at ${server} (${message || code}${names})`;
  return new ApiError(known?.code ?? 'Unavailable', known ? `${why}: ${known.say}` : why, { cause });
}

/** The first failure if several addresses were tried. */
function firstFault(cause: unknown): { code?: string; message: string; cert?: { subjectaltname?: string } } {
  if (cause instanceof AggregateError && cause.errors.length > 0) return firstFault(cause.errors[0]);
  return cause instanceof Error ? cause : { message: String(cause) };
}
