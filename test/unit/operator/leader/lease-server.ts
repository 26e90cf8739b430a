import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { Lease, LeaseSpec } from '../../../../src/operator/leader/lease.ts';

/** The one Lease as an API server keeps it: a write takes effect only over the version that it names. */
export class LeaseServer {
  lease: Lease | undefined;
  #version = 0;

  write(spec: LeaseSpec, resourceVersion: string | undefined): Lease {
    if (resourceVersion === undefined && this.lease) throw new ApiError('AlreadyExists', 'exists', { status: 409 });
    if (resourceVersion !== undefined && !this.lease) throw new ApiError('NotFound', 'not found', { status: 404 });
    if (this.lease && this.lease.metadata.resourceVersion !== resourceVersion)
      throw new ApiError('Conflict', 'the object has been modified', { status: 409 });
    const metadata = { name: 'operator', namespace: 'n', uid: 'u', resourceVersion: String(++this.#version) };
    this.lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata,
      spec: { ...this.lease?.spec, ...spec },
    };
    return this.lease;
  }
}
