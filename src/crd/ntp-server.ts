import { Type } from 'typebox';
import { dnsNamePattern, nameAdvice } from './dns-host.ts';
import { celString, validated } from './validation-rule.ts';

/** `name:port`, `ipv4:port` or `[ipv6]:port`; what is before the port is judged apart. */
const hasPort = `self.matches(${celString('^([A-Za-z0-9._-]+|\\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\\]):[0-9]{1,5}$')})`;
const host = `(${hasPort} ? self.substring(0, self.lastIndexOf(':')).replace('[', '').replace(']', '') : self)`;
const port = `(${hasPort} ? int(self.substring(self.lastIndexOf(':') + 1)) : 123)`;

/** A name whose last label is a number is a mistyped address. */
const isName = `(${host}.matches(${celString(dnsNamePattern)}) && !${host}.matches('(^|\\\\.)[0-9]+\\\\.?$'))`;

/**
 * A time server to ask: an address or a name. CEL's `isIP` refuses zones (`%eth0`) and IPv4 addresses mapped to IPv6.
 */
export const NtpServerSchema = Type.String({
  maxLength: 260,
  ...validated(
    {
      rule: `(isIP(${host}) || ${isName}) && ${port} >= 1 && ${port} <= 65535`,
      message: `must be a host name or IP address, with or without a port, such as ntp.example.com, 10.0.0.123, 10.0.0.123:123 or [fd00::123]:123 (in names ${nameAdvice})`,
    },
    {
      rule: `!isIP(${host}) || ip(${host}).isGlobalUnicast() || ip(${host}).isLinkLocalUnicast()`,
      message:
        'must be a time server address that pods can reach, such as 10.0.0.123, not a loopback address (the agent pod itself) or an unspecified, multicast or broadcast address',
    },
  ),
});
