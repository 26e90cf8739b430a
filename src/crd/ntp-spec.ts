import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { NtpServerSchema } from './ntp-server.ts';
import { intervalField, timeoutField, timeoutWithinInterval } from './probe-times.ts';
import { validated } from './validation-rule.ts';

export const NtpSpecSchema = defaultedObject(
  {
    enabled: withDefault(
      Type.Boolean({ description: 'Whether time servers are probed and the nodes’ clocks compared with theirs.' }),
      false,
    ),
    servers: withDefault(
      Type.Array(NtpServerSchema, {
        description:
          'The time servers to ask: names or addresses, with a port where it is not 123. A name that ends in a dot is looked up as it is, any other through the search list of the agent’s resolv.conf.',
        maxItems: 8,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: "self.all(server, !((server + ':123') in self) && !(('[' + server + ']:123') in self))",
          message: 'must name each server once: one is there both with and without its port 123',
        }),
      }),
      [],
    ),
    interval: intervalField(
      '60s',
      'How often each agent asks each server. Public servers see all nodes behind one address: leave it at a minute or more for them.',
    ),
    timeout: timeoutField(),
  },
  {
    description: 'How time servers are probed. A change never restarts a pod.',
    ...validated(timeoutWithinInterval, {
      rule: '!self.enabled || size(self.servers) > 0',
      message:
        'must name at least one time server while spec.ntp.enabled is true: write for example servers: [ntp.example.com], or enabled: false',
      fieldPath: '.servers',
    }),
  },
);
