import assert from 'node:assert/strict';
import { it } from 'node:test';
import { olderModule } from '../../cluster/older-kubernetes.ts';

const goMod = `// comment
module k8s.io/kubernetes

go 1.24.0

godebug default=go1.24

godebug (
	winsymlink=0
)

require (
	k8s.io/api v0.0.0
	k8s.io/klog/v2 v2.130.1
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kube-proxy => ./staging/src/k8s.io/kube-proxy
)
`;

it('an older Kubernetes is built with its own settings of Go and the staging modules of its version', () => {
  assert.equal(
    olderModule(goMod, { version: '1.33.13', earlier: { 'k8s.io/kube-proxy': 'v0.33.9' } }),
    `module older-kubernetes
go 1.24.0
godebug default=go1.24
godebug (
	winsymlink=0
)
require k8s.io/kubernetes v1.33.13
replace k8s.io/api => k8s.io/api v0.33.13
replace k8s.io/kube-proxy => k8s.io/kube-proxy v0.33.9
`,
  );
});
