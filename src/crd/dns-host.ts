import { Type } from 'typebox';
import { celString, validated } from './validation-rule.ts';

/**
 * Labels of 1 to 63 letters, digits, hyphens and underscores (RFC 1035 §2.3.4, RFC 2181 §11), at most 253 characters
 * without the final dot.
 */
export const dnsNamePattern =
  '^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.?$';
const isDnsName = `self.matches(${celString(dnsNamePattern)}) && (self.size() <= 253 || self.endsWith('.'))`;

/** What people find out last about names. The API server cannot convert the one that was written. */
export const nameAdvice =
  'at most 63 characters between two dots; non-ASCII letters as punycode, such as xn--mnchen-3ya.de for münchen.de';

/** A name to look up. */
export const DnsHostSchema = Type.String({
  maxLength: 254,
  ...validated(
    {
      rule: isDnsName,
      message: `must be a DNS name such as example.com or kubernetes.default.svc.cluster.local. (no scheme, port, path or wildcard; at most 253 characters; ${nameAdvice})`,
    },
    {
      rule: "!self.matches('(^|\\\\.)[0-9]+\\\\.?$')",
      message:
        'must be a DNS name such as example.com, not an IP address; list addresses of resolvers in spec.dns.servers',
    },
  ),
});
