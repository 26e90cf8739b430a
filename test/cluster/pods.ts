import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { memoryCgroupDirectory } from './cgroups.ts';
import { ClusterError } from './cluster-error.ts';
import { ctr, fileOf, type NodeOptions } from './node.ts';

/** What is read of a Pod. */
export interface PodObject {
  metadata: { namespace: string; name: string; uid: string };
  spec: { nodeName: string; hostNetwork?: boolean };
  status: {
    qosClass: string;
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

interface ContainerStatus {
  name: string;
  containerID?: string;
}

/** Path of the network namespace that a pod's sandbox holds, by the process that holds it. */
export async function sandboxNetns(node: NodeOptions, { metadata }: PodObject): Promise<string> {
  const filter = `labels."io.kubernetes.pod.uid"==${metadata.uid},labels."io.cri-containerd.kind"==sandbox`;
  const sandboxes = (await ctr(node, ['containers', 'list', '--quiet', filter])).split('\n').filter(Boolean);
  for (const line of (await ctr(node, ['tasks', 'list'])).split('\n')) {
    const [id = '', pid = '', status] = line.trim().split(/\s+/);
    if (sandboxes.includes(id) && status === 'RUNNING') return `/proc/${pid}/ns/net`;
  }
  throw new ClusterError('NO_SUCH_POD', `pod ${metadata.namespace}/${metadata.name} has no running sandbox`);
}

/** The file into which containerd writes what a container prints, by the number of its restarts before (CRI format). */
export function containerLogFile(
  node: NodeOptions,
  { namespace, name, uid }: PodObject['metadata'],
  container: string,
  restarts: number,
): string {
  return fileOf(node, `/var/log/pods/${namespace}_${name}_${uid}/${container}/${restarts}.log`);
}

/** Directory of the cgroup that counts a container's memory; `cluster` is the cgroup of all the cluster. */
export function containerCgroup(cluster: string, { metadata, spec, status }: PodObject, container: string): string {
  const statuses = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  const id = statuses.find(({ name }) => name === container)?.containerID?.replace(/^.*:\/\//, '');
  const qos = status.qosClass === 'Guaranteed' ? '' : status.qosClass.toLowerCase();
  const pod = join(cluster, spec.nodeName, 'kubepods', qos, `pod${metadata.uid}`);
  const directory = memoryCgroupDirectory(join(pod, id ?? 'none'));
  if (id !== undefined && existsSync(directory)) return directory;
  const name = `${metadata.namespace}/${metadata.name}`;
  throw new ClusterError('NO_SUCH_POD', `container ${container} of pod ${name} is not running`);
}
