/**
 * Removes credentials from a text. Errors quote other programs, which may quote our requests: a proxy the headers, a
 * parser a line of the kubeconfig, a URL its password.
 */
export function withoutSecrets(text: string): string {
  return (
    text
      // HTTP authentication (RFC 9110 §11.4), with a token of any scheme.
      .replaceAll(/\b(bearer|basic)(\s+|%20|\+)[\w.~+/=%-]+/gi, '$1 [redacted]')
      // JSON Web Tokens (RFC 7519): their header is a JSON object, in base64.
      .replaceAll(/\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?/g, '[redacted]')
      // User and password of a URL (RFC 3986 §3.2.1).
      .replaceAll(/\/\/[^/@\s]+@/g, '//[redacted]@')
  );
}
