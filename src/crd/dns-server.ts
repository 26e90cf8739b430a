import { Type } from 'typebox';
import { celString, validated } from './validation-rule.ts';

/** `digits and dots:port` or `[…:…]:port`; whether what is before the port is an address, `isIP` decides. */
const hasPort = `self.matches(${celString('^([0-9.]+|\\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\\]):[0-9]{1,5}$')})`;
const address = `(${hasPort} ? self.substring(0, self.lastIndexOf(':')).replace('[', '').replace(']', '') : self)`;
const port = `(${hasPort} ? int(self.substring(self.lastIndexOf(':') + 1)) : 53)`;

/** A resolver to ask. CEL's `isIP` refuses zones (`%eth0`) and IPv4 addresses mapped to IPv6. */
export const DnsServerSchema = Type.String({
  maxLength: 64,
  ...validated(
    {
      rule: `isIP(${address}) && ${port} >= 1 && ${port} <= 65535`,
      message:
        'must be ip, ip:port or [ipv6]:port, such as 10.0.0.10, 10.0.0.10:5353 or [fd00::10]:53; host names are not supported',
    },
    {
      rule: `!isIP(${address}) || ip(${address}).isGlobalUnicast() || ip(${address}).isLinkLocalUnicast()`,
      message:
        'must be a resolver address that pods can reach, such as 10.0.0.10, not a loopback address (the agent pod itself) or an unspecified, multicast or broadcast address',
    },
  ),
});
