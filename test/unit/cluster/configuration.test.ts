import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressesOf, type IpFamily } from '../../cluster/addresses.ts';
import { buildFlags } from '../../cluster/binaries.ts';
import { CertificateAuthority } from '../../cluster/certificates.ts';
import { apiServerUrl, componentArguments, components } from '../../cluster/control-plane.ts';
import { corednsObjects, corefile } from '../../cluster/coredns.ts';
import { cniConfiguration, kubeletConfiguration, noDuplicateDetection } from '../../cluster/node-configuration.ts';
import { missingCommands, packagesFor, systemCommands } from '../../cluster/packages.ts';
import { clusterDirectory } from '../../cluster/state.ts';

interface Plugin {
  type: string;
  ipMasq?: boolean;
  ipam?: Record<string, unknown>;
}

describe('configuration', () => {
  it('go build puts the version of go.mod into the components', () => {
    const kubernetes = '\tk8s.io/kubernetes v1.37.2\n';
    const prometheus = '\tgithub.com/prometheus/prometheus v0.305.12\n';
    const flags = buildFlags(`require (\n${prometheus}${kubernetes})\n`).join(' ');
    assert.match(flags, /version\.gitVersion=v1\.37\.2 .*gitMajor=1 .*gitMinor=37 /);
    assert.match(flags, /prometheus\/common\/version\.Version=3\.5\.12$/);
    assert.throws(() => buildFlags(prometheus), /k8s\.io\/kubernetes/);
    assert.throws(() => buildFlags(kubernetes), /prometheus\/prometheus/);
  });

  it('every component of the control plane listens on its own cluster’s address only', () => {
    const authority = new CertificateAuthority('/pki');
    for (const addresses of [addressesOf(5), addressesOf(5, 'ipv6')])
      for (const component of components) {
        const argv = componentArguments(component, { directory: '/work', binaries: '/bin', addresses, authority });
        const listening = argv.filter((argument) => /^--(bind-address|listen-[a-z]+-urls)=/.test(argument));
        assert.ok(listening.length > 0, component);
        for (const argument of listening) assert.ok(argument.includes(addresses.hostAddress), argument);
      }
  });

  it('an IPv6 address is in brackets in URLs only', () => {
    const addresses = addressesOf(5, 'ipv6');
    const options = { directory: '/work', binaries: '/bin', addresses, authority: new CertificateAuthority('/pki') };
    assert.equal(apiServerUrl(addresses), 'https://[fd6e:6563:6::1]:6443');
    assert.ok(componentArguments('etcd', options).includes('--advertise-client-urls=https://[fd6e:6563:6::1]:2379'));
    assert.ok(componentArguments('apiserver', options).includes('--bind-address=fd6e:6563:6::1'));
  });

  it('the API server authorises nodes and users, and logs who did what', () => {
    const options = { directory: '/work', binaries: '/bin', addresses: addressesOf(0) };
    const argv = componentArguments('apiserver', { ...options, authority: new CertificateAuthority('/pki') });
    assert.ok(argv.includes('--authorization-mode=Node,RBAC'));
    assert.ok(argv.includes('--enable-admission-plugins=NodeRestriction'));
    assert.ok(argv.includes('--audit-log-path=/work/audit.log'));
  });

  it('CoreDNS passes on what its hosts do not know, and asks nobody outside', () => {
    const text = corefile({ ipFamily: 'ipv4' });
    assert.match(text, /hosts \{\n\s+192\.0\.2\.80 example\.com\n\s+fallthrough\n/);
    assert.doesNotMatch(text, /forward/);
  });

  it('CoreDNS knows the host outside by the cluster’s families', () => {
    assert.match(corefile({ ipFamily: 'dual' }), /192\.0\.2\.80 example\.com\n\s+2001:db8::80 example\.com\n/);
    const text = corefile({ ipFamily: 'ipv6' });
    assert.match(text, /hosts \{\n\s+2001:db8::80 example\.com\n\s+fallthrough\n/);
  });

  it('the DNS Service has the fixed address of each family', () => {
    const service = (ipFamily: IpFamily) => {
      const objects = corednsObjects(addressesOf(0, ipFamily)) as { kind: string; spec: Record<string, unknown> }[];
      const { clusterIP, clusterIPs, ipFamilyPolicy } = objects.find(({ kind }) => kind === 'Service')!.spec;
      return { clusterIP, clusterIPs, ipFamilyPolicy };
    };
    const clusterIP = '10.96.0.10';
    const single = { clusterIPs: undefined, ipFamilyPolicy: undefined };
    assert.deepEqual(service('ipv4'), { clusterIP, ...single });
    assert.deepEqual(service('ipv6'), { clusterIP: 'fd6e:6563:ffff::10', ...single });
    assert.deepEqual(service('dual'), {
      clusterIP,
      clusterIPs: [clusterIP, 'fd6e:6563:ffff::10'],
      ipFamilyPolicy: 'PreferDualStack',
    });
  });

  it('a node’s pods get addresses of its range, untranslated', () => {
    const { plugins } = cniConfiguration({ podCidrs: ['10.200.3.0/24'] }) as { plugins: Plugin[] };
    assert.deepEqual(
      plugins.map(({ type, ipMasq, ipam }) => ({ type, ipMasq, ranges: ipam?.ranges, routes: ipam?.routes })),
      [{ type: 'ptp', ipMasq: false, ranges: [[{ subnet: '10.200.3.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] }],
    );
  });

  it('a dual-stack node’s pods get an address of each range, and need not wait for the second', () => {
    const podCidrs = ['10.200.3.0/24', 'fd6e:6563:1:1003::/64'];
    const { plugins } = cniConfiguration({ podCidrs }) as { plugins: Plugin[] };
    assert.deepEqual(
      plugins.map(({ type }) => type),
      [noDuplicateDetection.name, 'ptp'],
    );
    assert.deepEqual(plugins[1]?.ipam, {
      type: 'host-local',
      dataDir: '/var/lib/cni/networks',
      ranges: [[{ subnet: podCidrs[0] }], [{ subnet: podCidrs[1] }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    });
  });

  it('the pods of a node with IPv6 only get no IPv4 route', () => {
    const podCidrs = ['fd6e:6563:1:1003::/64'];
    const { plugins } = cniConfiguration({ podCidrs }) as { plugins: Plugin[] };
    assert.deepEqual(plugins[1]?.ipam?.ranges, [[{ subnet: podCidrs[0] }]]);
    assert.deepEqual(plugins[1]?.ipam?.routes, [{ dst: '::/0' }]);
  });

  it('the API server hands out Service addresses of the cluster’s families', () => {
    const range = (ipFamily: IpFamily) => {
      const options = { directory: '/work', binaries: '/bin', addresses: addressesOf(0, ipFamily) };
      const argv = componentArguments('apiserver', { ...options, authority: new CertificateAuthority('/pki') });
      return argv.filter((argument) => argument.startsWith('--service-cluster-ip-range='));
    };
    assert.deepEqual(range('ipv4'), ['--service-cluster-ip-range=10.96.0.0/16']);
    assert.deepEqual(range('ipv6'), ['--service-cluster-ip-range=fd6e:6563:ffff::/112']);
    assert.deepEqual(range('dual'), ['--service-cluster-ip-range=10.96.0.0/16,fd6e:6563:ffff::/112']);
  });

  it('the API server admits a critical class as GKE does, where a quota says so', () => {
    const options = { directory: '/work', binaries: '/bin', addresses: addressesOf(0) };
    const argv = componentArguments('apiserver', { ...options, authority: new CertificateAuthority('/pki') });
    assert.ok(
      argv.some((argument) => /^--admission-control-config-file=.*admission-configuration\.json$/.test(argument)),
    );
  });

  it('the kubelet keeps its pods below the given cgroup, gives them the nameserver and sees edits of ConfigMaps soon', () => {
    const { cgroupRoot, clusterDNS, syncFrequency } = kubeletConfiguration('/root', 'fd00::10', false) as Record<
      string,
      unknown
    >;
    assert.deepEqual(
      { cgroupRoot, clusterDNS, syncFrequency },
      { cgroupRoot: '/root', clusterDNS: ['fd00::10'], syncFrequency: '10s' },
    );
  });

  it('the kubelet takes part in the machine’s shutdown only where there is a logind', () => {
    const periods = (gracefulShutdown: boolean) => {
      const kubelet = kubeletConfiguration('/root', '10.96.0.10', gracefulShutdown) as Record<string, unknown>;
      return [kubelet.shutdownGracePeriod, kubelet.shutdownGracePeriodCriticalPods];
    };
    assert.deepEqual(periods(false), [undefined, undefined]);
    assert.deepEqual(periods(true), ['20s', '10s']);
  });

  it('a cluster’s name can’t lead out of the clusters’ folder', () => {
    assert.match(clusterDirectory('e2e-1'), /\/net-exporter-cluster\/e2e-1$/);
    for (const name of ['', '..', 'a/b', '-a', 'a-', 'A', 'a'.repeat(21)]) {
      assert.throws(() => clusterDirectory(name), RangeError, name);
    }
  });
});

describe('missing commands', () => {
  it('are those in no folder of the path', () => {
    assert.deepEqual(missingCommands(['tar', 'runc'], '/nowhere:/dev'), ['tar', 'runc']);
    assert.deepEqual(missingCommands(['tar'], '/nowhere:/usr/bin:/bin'), []);
  });

  it('of a bus and of an old Prometheus are installed only by those who use them', () => {
    for (const command of ['dbus-daemon', 'prometheus'] as const) {
      assert.ok(!systemCommands.includes(command));
      assert.deepEqual(packagesFor([command]), [command]);
    }
  });

  it('are told as Debian packages, each once', () => {
    assert.deepEqual(packagesFor(['etcd', 'nft', 'etcd']), ['etcd-server', 'nftables']);
  });
});
