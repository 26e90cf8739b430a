import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { intervalField, timeoutField, timeoutWithinInterval } from './probe-times.ts';
import { validated } from './validation-rule.ts';

const UdpEchoSchema = defaultedObject(
  {
    packets: withDefault(
      Type.Integer({
        description: 'How many packets each turn sends to a peer, one after another; each counts for itself.',
        format: 'int32',
        ...validated({
          rule: 'self >= 1 && self <= 10',
          message:
            'must be from 1 to 10 packets, such as 3; to probe more often, write a shorter spec.network.interval',
        }),
      }),
      3,
    ),
    size: withDefault(
      Type.Integer({
        description:
          'The size of a packet’s payload in octets. A large one also finds paths that lose large packets only.',
        format: 'int32',
        ...validated({
          rule: 'self >= 32 && self <= 1472',
          message:
            'must be from 32 octets, which the echo’s own header needs, to 1472, which fill an IPv4 packet of 1500; write for example 64',
        }),
      }),
      64,
    ),
  },
  { description: 'The UDP echo, where spec.network.protocols names UDP.' },
);

export const NetworkSpecSchema = defaultedObject(
  {
    enabled: withDefault(Type.Boolean({ description: 'Whether the pod network is probed.' }), true),
    peersPerAgent: withDefault(
      Type.Integer({
        description: 'How many other agents each agent dials at most. 0: none, only the Service.',
        format: 'int32',
        minimum: 0,
        maximum: 100,
      }),
      10,
    ),
    protocols: withDefault(
      Type.Array(Type.Enum(['TCP', 'UDP'], { type: 'string' }), {
        description:
          'How peers are probed. TCP: a connection is made. UDP: packets are sent which the peer’s agent sends back, so that loss is seen, and on which way.',
        maxItems: 2,
        'x-kubernetes-list-type': 'set',
        ...validated({
          rule: 'size(self) > 0',
          message:
            'must name at least one of TCP and UDP; to switch network probes off, write spec.network.enabled: false',
        }),
      }),
      ['TCP'],
    ),
    udp: UdpEchoSchema,
    service: withDefault(
      Type.Boolean({
        description:
          'Whether each agent also dials the agents’ own Service: by TCP, whatever the protocols, since packets to a Service reach several agents and none could tell which were lost.',
      }),
      true,
    ),
    interval: intervalField(),
    timeout: timeoutField(),
  },
  { description: 'How the pod network is probed. A change never restarts a pod.', ...validated(timeoutWithinInterval) },
);
