import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathOfLoneRequest } from '../../../../src/agent/http/lone-request.ts';

const pathOf = (text: string) => pathOfLoneRequest(Buffer.from(text, 'latin1'));
const probe =
  'GET /-/ready HTTP/1.1\r\nHost: 10.2.0.7:8000\r\nUser-Agent: kube-probe/1.37\r\nAccept: */*\r\nConnection: close\r\n\r\n';

test('a request of the kubelet is recognized, also with names of headers in another case', () => {
  assert.equal(pathOf(probe), '/-/ready');
  assert.equal(pathOf('GET /healthz HTTP/1.1\r\nhost: [fd00::7]:8000\r\nconnection: close\r\n\r\n'), '/healthz');
});

test('no part of a request is taken for a whole one', () => {
  for (let length = 0; length < probe.length; length++) assert.equal(pathOf(probe.slice(0, length)), undefined);
});

test('what may be more than a question, or may keep its connection, is not recognized', () => {
  const head = 'GET /healthz HTTP/1.1\r\nHost: a\r\n';
  for (const text of [
    `${probe}${probe}`,
    `${probe}a`,
    `${head}\r\n`,
    `${head}Connection: keep-alive\r\n\r\n`,
    `${head}Connection: close\r\nContent-Length: 1\r\n\r\n`,
    `${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${head}Connection: close\r\nExpect: 100-continue\r\n\r\n`,
    `${head}Connection: close\r\nUpgrade: h2c\r\n\r\n`,
    `${head}Connection: close\r\n folded\r\n\r\n`,
    `${head}Connection: close\nX: a\r\n\r\n`,
    `${head}Connection: close\r\nX: \u0000\r\n\r\n`,
    'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n',
    'HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'POST /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'GET /healthz HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n',
  ])
    assert.equal(pathOf(text), undefined, JSON.stringify(text));
});

test('a request with many headers that does not end is looked at once: a search that goes back would not end', () => {
  const many = 'X-A: b: c: d\r\n'.repeat(146);
  for (const end of ['', '\r', '\n', '\u0000', 'X-A\r\n\r\n', `${' '.repeat(500)}\r\n\r\n`])
    assert.equal(pathOf(`GET / HTTP/1.1\r\n${many}${end}`), undefined);
  assert.equal(pathOf(`GET / HTTP/1.1\r\nHost: a\r\n${many}Connection: close\r\n\r\n`), '/');
});
