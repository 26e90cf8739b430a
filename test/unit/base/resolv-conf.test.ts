import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clusterDomain, parseResolvConf } from '../../../src/base/resolv-conf.ts';

describe('parseResolvConf', () => {
  it('reads what a kubelet writes', () => {
    const text =
      'search monitoring.svc.cluster.local svc.cluster.local cluster.local example.com\nnameserver 10.96.0.10\noptions ndots:5\n';
    assert.deepEqual(parseResolvConf(text), {
      nameservers: ['10.96.0.10'],
      search: ['monitoring.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.com'],
      ndots: 5,
    });
  });

  it('has the defaults of the C library where the file says nothing', () => {
    assert.deepEqual(parseResolvConf(''), { nameservers: [], search: [], ndots: 1 });
  });

  it('takes IPv6 servers, tabs, CRLF and spaces before a keyword', () => {
    assert.deepEqual(parseResolvConf('nameserver\tfd00::a\r\n  nameserver fe80::1%eth0 # the router\r\n').nameservers, [
      'fd00::a',
      'fe80::1%eth0',
    ]);
  });

  it('passes over comments, unknown keywords and servers that are no addresses', () => {
    const text =
      '# nameserver 1.1.1.1\n;nameserver 1.1.1.2\nsortlist 10.0.0.0\nnameserver dns.example.com\nnameserver\nnameservers 1.1.1.3\n';
    assert.deepEqual(parseResolvConf(text).nameservers, []);
  });

  it('keeps three servers', () => {
    const text = [1, 2, 3, 4].map((n) => `nameserver 10.0.0.${n}`).join('\n');
    assert.deepEqual(parseResolvConf(text).nameservers, ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  });

  it('lets the last of search and domain count', () => {
    assert.deepEqual(parseResolvConf('search a b\ndomain c d\n').search, ['c']);
    assert.deepEqual(parseResolvConf('domain c\nsearch a b\n').search, ['a', 'b']);
  });

  it('drops the final dot of a search domain but keeps the root', () => {
    assert.deepEqual(parseResolvConf('search cluster.local. .\n').search, ['cluster.local', '.']);
  });

  it('bounds the search list at 32 and ndots at 15', () => {
    const text = `search ${Array.from({ length: 40 }, (_, index) => `d${index}`).join(' ')}\noptions ndots:99\n`;
    const { search, ndots } = parseResolvConf(text);
    assert.deepEqual([search.length, ndots], [32, 15]);
  });

  it('finds ndots among other options, last one first, and passes over nonsense', () => {
    assert.equal(parseResolvConf('options timeout:1 ndots:2 rotate\noptions ndots:3 edns0\n').ndots, 3);
    assert.equal(parseResolvConf('options ndots:x ndots:-1 ndots\n').ndots, 1);
    assert.equal(parseResolvConf('options ndots:0\n').ndots, 0);
  });

  it('never fails', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { nameservers, search, ndots } = parseResolvConf(text);
        return nameservers.length <= 3 && search.length <= 32 && ndots >= 0 && ndots <= 15;
      }),
    );
  });
});

describe('clusterDomain', () => {
  const cases: [string[], string | undefined][] = [
    [['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], 'cluster.local'],
    [['svc.k8s', 'k8s'], 'k8s'],
    [['monitoring.svc.prod.example.com'], 'prod.example.com'],
    [['svc.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], 'cluster.local'],
    [['example.com', 'svc'], undefined],
    [['a.b.svc.example.com'], undefined],
    [[], undefined],
  ];
  for (const [search, domain] of cases)
    it(`finds ${domain} in [${search.join(' ')}]`, () => {
      assert.equal(clusterDomain({ search }), domain);
    });
});
