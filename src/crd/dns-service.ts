import { Type } from 'typebox';
import { defaultedObject, withDefault } from './defaulted-object.ts';
import { isLabelName } from './object-name.ts';
import { validated } from './validation-rule.ts';

export const DnsServiceSchema = defaultedObject(
  {
    namespace: withDefault(
      Type.String({
        description: 'The namespace of the cluster’s DNS.',
        maxLength: 63,
        ...validated({
          rule: isLabelName,
          message:
            'must be the name of a namespace, such as kube-system or openshift-dns (at most 63 lower-case letters, digits and hyphens)',
        }),
      }),
      'kube-system',
    ),
    name: withDefault(
      Type.String({
        description:
          'The Service’s name. Empty: found by its label k8s-app=kube-dns and by the resolvers’ own address.',
        maxLength: 63,
        ...validated({
          rule: `self == '' || ${isLabelName}`,
          message:
            'must be the name of a Service, such as kube-dns or rke2-coredns-rke2-coredns (at most 63 lower-case letters, digits and hyphens), or empty to have it found',
        }),
      }),
      '',
    ),
  },
  { description: 'The cluster’s DNS, whose pods are asked directly.' },
);
