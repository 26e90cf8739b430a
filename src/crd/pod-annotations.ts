import { annotationsField, reservedPrefixes } from './label-maps.ts';
import { celString, type ValidationRule } from './validation-rule.ts';

/**
 * What keys of annotations begin with by which container runtimes, network plug-ins and injectors give pods what their
 * spec does not contain: privileges, files of the node, other networks, identities or containers. No list is complete:
 * docs/security.md says what is left.
 */
export const refusedAnnotationPrefixes: readonly string[] = [
  // Of Kubernetes, from before there were fields. The API server still turns the one of AppArmor into the field.
  'container.apparmor.security.beta.kubernetes.io/',
  'container.seccomp.security.alpha.kubernetes.io/',
  'seccomp.security.alpha.kubernetes.io/',
  // Of runtimes: devices, user namespaces, seccomp profiles; kernels, images and hypervisors.
  'io.kubernetes.cri-o.',
  'seccomp-profile.kubernetes.cri-o.io',
  'io.katacontainers.config.',
  // Of plug-ins of containerd and CRI-O (NRI, CDI): devices and folders of the node.
  'cdi-devices.',
  'cdi.k8s.io/',
  'cdi.nri.io/',
  'devices.gke.io/',
  'devices.noderesource.dev',
  'devices.nri.',
  'mounts.noderesource.dev',
  'mounts.nri.',
  // Of Multus: networks in addition to, or in place of, the pod network.
  'k8s.v1.cni.cncf.io/',
  'v1.multus-cni.io/',
  // Of Calico: the addresses of others.
  'cni.projectcalico.org/allowedSourcePrefixes',
  'cni.projectcalico.org/floatingIPs',
  'cni.projectcalico.org/hwAddr',
  'cni.projectcalico.org/ipAddrs',
  // Of kube2iam and kiam: roles of AWS.
  'iam.amazonaws.com/',
  // Of injectors: volumes and images of containers with capabilities, and secrets.
  'config.linkerd.io/',
  'inject.istio.io/',
  'sidecar.istio.io/proxyImage',
  'sidecar.istio.io/userVolume',
  'vault.hashicorp.com/',
];

/** CEL: whether a key of annotations is refused. @param key an expression */
export function isRefusedAnnotation(key: string): string {
  return `[${refusedAnnotationPrefixes.map(celString).join(', ')}].exists(prefix, ${key}.startsWith(prefix))`;
}

const nothingPowerful: ValidationRule = {
  rule: `self.all(key, !${isRefusedAnnotation('key')})`,
  message:
    'must not contain annotations that give pods privileges, networks, identities, volumes or containers, such as container.apparmor.security.beta.kubernetes.io/agent or k8s.v1.cni.cncf.io/networks; remove the key',
};

/** Annotations of the agents' pods. */
export const podAnnotationsField = annotationsField(
  'Additional annotations for the agent pods.',
  reservedPrefixes('net-exporter.dev/'),
  nothingPowerful,
);
