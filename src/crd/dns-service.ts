import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { isLabelName } from './object-name.ts';
import { validated } from './validation-rule.ts';

export const DnsServiceSchema = defaultedObject(
  {
    namespace: withDefault(
      Type.String({
        description: 'Namespace of the Service.',
        maxLength: 63,
        ...validated({
          rule: isLabelName,
          message:
            'must be the name of a namespace, such as kube-system or openshift-dns (at most 63 lowercase letters, digits and hyphens)',
        }),
      }),
      'kube-system',
    ),
    name: withDefault(
      Type.String({
        description:
          'Name of the Service. If empty, the operator finds the Service by the label k8s-app=kube-dns or, if no Service has it, by the nameserver address in resolv.conf.',
        maxLength: 63,
        ...validated({
          rule: `self == '' || ${isLabelName}`,
          message:
            'must be the name of a Service, such as kube-dns or rke2-coredns-rke2-coredns (at most 63 lowercase letters, digits and hyphens), or empty to let the operator find it',
        }),
      }),
      '',
    ),
  },
  { description: 'Service of the cluster DNS. Agents query the pods of this Service directly.' },
);
