import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { NtpServerSchema } from './ntp-server.ts';
import { intervalField, timeoutField, timeoutWithinInterval } from './probe-times.ts';
import { validated } from './validation-rule.ts';

export const NtpSpecSchema = defaultedObject(
  {
    enabled: withDefault(
      Type.Boolean({ description: 'Whether agents probe time servers and compare the clocks of the nodes with them.' }),
      false,
    ),
    servers: withDefault(
      Type.Array(NtpServerSchema, {
        description:
          'Time servers to query, as host names or IP addresses, with or without a port. The default port is 123. A name that ends with a dot is looked up as is; other names use the search list of the agent’s resolv.conf.',
        maxItems: 8,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: "self.all(server, !((server + ':123') in self) && !(('[' + server + ']:123') in self))",
          message: 'must not list the same server both with and without port 123; remove one of the two entries',
        }),
      }),
      [],
    ),
    interval: intervalField(
      '60s',
      'Interval at which each agent queries each server. Public servers see all nodes behind one address; for them, use at least one minute.',
    ),
    timeout: timeoutField(),
  },
  {
    description: 'Configuration of the NTP probes. Changes never restart a pod.',
    ...validated(timeoutWithinInterval, {
      rule: '!self.enabled || size(self.servers) > 0',
      message:
        'must contain at least one time server if spec.ntp.enabled is true; set for example servers: [ntp.example.com], or enabled: false',
      fieldPath: '.servers',
    }),
  },
);
