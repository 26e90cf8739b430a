import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { DnsHostSchema } from './dns-host.ts';
import { DnsServerSchema } from './dns-server.ts';
import { DnsServiceSchema } from './dns-service.ts';
import { lookupRateWithinLimit, lookupsWithinLimit } from './load-rules.ts';
import { intervalField, timeoutField, timeoutWithinInterval } from './probe-times.ts';
import { validated } from './validation-rule.ts';

export const DnsSpecSchema = defaultedObject(
  {
    enabled: withDefault(Type.Boolean({ description: 'Whether agents probe DNS.' }), true),
    hosts: withDefault(
      Type.Array(DnsHostSchema, {
        description:
          'Names to look up. A name that ends with a dot is looked up as is; other names use the search list of the agent’s resolv.conf. If empty, agents look up the Service of the API server in the cluster domain, kubernetes.default.svc.<domain>.',
        maxItems: 64,
        'x-kubernetes-list-type': 'set',
      }),
      [],
    ),
    protocols: withDefault(
      Type.Array(Type.Enum(['UDP', 'TCP'], { type: 'string' }), {
        description: 'Transport protocols for DNS queries.',
        maxItems: 2,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: 'size(self) > 0',
          message: 'must contain at least one of UDP and TCP; to disable DNS probes, set spec.dns.enabled: false',
        }),
      }),
      ['UDP', 'TCP'],
    ),
    recordTypes: withDefault(
      Type.Array(Type.Enum(['A', 'AAAA'], { type: 'string' }), {
        description: 'Record types to query.',
        maxItems: 2,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: 'size(self) > 0',
          message: 'must contain at least one of A and AAAA; to disable DNS probes, set spec.dns.enabled: false',
        }),
      }),
      ['A'],
    ),
    servers: withDefault(
      Type.Array(DnsServerSchema, {
        description:
          'Resolvers to query in addition to the nameserver in the agent’s resolv.conf, as ip, ip:port or [ipv6]:port. The default port is 53.',
        maxItems: 16,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: "self.all(server, !((server + ':53') in self) && !(('[' + server + ']:53') in self))",
          message: 'must not list the same server both with and without port 53; remove one of the two entries',
        }),
      }),
      [],
    ),
    service: DnsServiceSchema,
    endpointsPerAgent: withDefault(
      Type.Integer({
        description:
          'Number of cluster DNS pods that each agent queries directly, in addition to the nameserver in its resolv.conf. The pods are distributed so that every pod is queried by at least one agent if there are enough agents. 0 disables these queries.',
        format: 'int32',
        ...validated({
          rule: 'self >= 0 && self <= 16',
          message: 'must be from 0 to 16, such as 2; 0 disables direct queries of DNS pods',
        }),
      }),
      2,
    ),
    interval: intervalField(),
    timeout: timeoutField(),
  },
  {
    description: 'Configuration of the DNS probes. Changes never restart a pod.',
    ...validated(timeoutWithinInterval, lookupsWithinLimit, lookupRateWithinLimit),
  },
);
