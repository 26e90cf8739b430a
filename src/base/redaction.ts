/**
 * Removes credentials from a text. Errors quote other programs, which may quote our requests: a proxy the headers, a
 * parser a line of the kubeconfig, a URL its password. The time is linear in the length of the text, because a stranger
 * may have written it.
 */
export function withoutSecrets(text: string): string {
  return (
    text
      // HTTP authentication (RFC 9110 §11.4), with a token of any scheme.
      .replaceAll(/\b(bearer|basic)(\s+|%20|\+)[\w.~+/=%-]+/gi, '$1 [redacted]')
      .replaceAll(/(?<![\w.-])[\w-]+(?:\.[\w-]*)+/g, withoutToken)
      // User and password of a URL (RFC 3986 §3.2.1).
      .replaceAll(/\/\/[^/@\s]+@/g, '//[redacted]@')
  );
}

/**
 * Removes a JSON Web Token (RFC 7519): its header is a JSON object, in base64. A single expression that finds tokens
 * within words would take quadratic time.
 * @param words words with dots between them
 */
function withoutToken(words: string): string {
  const start = words.search(/\beyJ/);
  return start < 0 || !words.includes('.', start) ? words : `${words.slice(0, start)}[redacted]`;
}
