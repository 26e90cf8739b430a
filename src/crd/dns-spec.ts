import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { DnsHostSchema } from './dns-host.ts';
import { DnsServerSchema } from './dns-server.ts';
import { DnsServiceSchema } from './dns-service.ts';
import { intervalField, timeoutField, timeoutWithinInterval } from './probe-times.ts';
import { validated } from './validation-rule.ts';

export const DnsSpecSchema = defaultedObject(
  {
    enabled: withDefault(Type.Boolean({ description: 'Whether DNS is probed.' }), true),
    hosts: withDefault(
      Type.Array(DnsHostSchema, {
        description:
          'The names to look up. A name that ends in a dot is asked as it is, any other through the search list of the agent’s resolv.conf. Empty: the API server’s Service in the cluster’s own domain, kubernetes.default.svc.<domain>.',
        maxItems: 64,
        'x-kubernetes-list-type': 'set',
      }),
      [],
    ),
    protocols: withDefault(
      Type.Array(Type.Enum(['UDP', 'TCP'], { type: 'string' }), {
        description: 'The transports to ask by.',
        maxItems: 2,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: 'size(self) > 0',
          message: 'must name at least one of UDP and TCP; to switch DNS probes off, write spec.dns.enabled: false',
        }),
      }),
      ['UDP', 'TCP'],
    ),
    recordTypes: withDefault(
      Type.Array(Type.Enum(['A', 'AAAA'], { type: 'string' }), {
        description: 'The record types to ask for.',
        maxItems: 2,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: 'size(self) > 0',
          message: 'must name at least one of A and AAAA; to switch DNS probes off, write spec.dns.enabled: false',
        }),
      }),
      ['A'],
    ),
    servers: withDefault(
      Type.Array(DnsServerSchema, {
        description:
          'Resolvers to ask besides the nameserver of the agent’s resolv.conf: ip, ip:port or [ipv6]:port; the port is 53 where none is written.',
        maxItems: 16,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: "self.all(server, !((server + ':53') in self) && !(('[' + server + ']:53') in self))",
          message: 'must name each server once: one is there both with and without its port 53',
        }),
      }),
      [],
    ),
    service: DnsServiceSchema,
    endpointsPerAgent: withDefault(
      Type.Integer({
        description:
          'How many pods of the cluster’s DNS each agent asks directly, besides the nameserver of its own resolv.conf. They are spread so that each pod is asked by someone. 0: none.',
        format: 'int32',
        ...validated({
          rule: 'self >= 0 && self <= 16',
          message: 'must be from 0, which asks none, to 16 pods, such as 2',
        }),
      }),
      2,
    ),
    interval: intervalField(),
    timeout: timeoutField(),
  },
  { description: 'How DNS is probed. A change never restarts a pod.', ...validated(timeoutWithinInterval) },
);
