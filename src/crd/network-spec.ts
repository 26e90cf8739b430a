import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { intervalField, timeoutField, timeoutWithinInterval } from './probe-times.ts';
import { validated } from './validation-rule.ts';

const UdpEchoSchema = defaultedObject(
  {
    packets: withDefault(
      Type.Integer({
        description:
          'Number of packets that each probe sends to a peer, one after another. Each packet is measured separately.',
        format: 'int32',
        ...validated({
          rule: 'self >= 1 && self <= 10',
          message: 'must be from 1 to 10, such as 3; to probe more often, set a shorter spec.network.interval',
        }),
      }),
      3,
    ),
    size: withDefault(
      Type.Integer({
        description:
          'Payload size of each packet in bytes. Large packets also detect paths that drop only large packets.',
        format: 'int32',
        ...validated({
          rule: 'self >= 32 && self <= 1472',
          message:
            'must be from 32 bytes, the size of the echo header, to 1472 bytes, which fill an IPv4 packet of 1500 bytes; use for example 64',
        }),
      }),
      64,
    ),
  },
  { description: 'Settings of the UDP echo. Used if spec.network.protocols contains UDP.' },
);

export const NetworkSpecSchema = defaultedObject(
  {
    enabled: withDefault(Type.Boolean({ description: 'Whether agents probe the pod network.' }), true),
    peersPerAgent: withDefault(
      Type.Integer({
        description: 'Maximum number of other agents that each agent probes. With 0, agents probe only their Service.',
        format: 'int32',
        minimum: 0,
        maximum: 100,
      }),
      10,
    ),
    protocols: withDefault(
      Type.Array(Type.Enum(['TCP', 'UDP'], { type: 'string' }), {
        description:
          'Protocols for probes of peers. TCP opens a connection. UDP sends packets that the peer returns, and detects packet loss and its direction.',
        maxItems: 2,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: 'size(self) > 0',
          message:
            'must contain at least one of TCP and UDP; to disable network probes, set spec.network.enabled: false',
        }),
      }),
      ['TCP'],
    ),
    udp: UdpEchoSchema,
    service: withDefault(
      Type.Boolean({
        description:
          'Whether each agent also probes the Service of the agents. This probe always uses TCP, regardless of protocols: UDP packets to a Service reach several agents, so losses could not be counted.',
      }),
      true,
    ),
    interval: intervalField(),
    timeout: timeoutField(),
  },
  {
    description: 'Configuration of the pod network probes. Changes never restart a pod.',
    ...validated(timeoutWithinInterval),
  },
);
