import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { systemClock } from '../../../../src/base/clock.ts';
import { ApiClient } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { ApiTransport } from '../../../../src/operator/kube/api-transport.ts';
import { Connection } from '../../../../src/operator/kube/connection.ts';
import { LeaderElection } from '../../../../src/operator/leader/leader-election.ts';
import { until } from '../../fake-clock.ts';
import { quietLog } from '../quiet-log.ts';
import { quietRequests } from '../quiet-requests.ts';
import { LeaseServer } from './lease-server.ts';

const leases = new LeaseServer();
const paths = new Set<string>();
const watches = new Set<ServerResponse>();
const server = createServer((request, response) => void answer(request, response));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const access = { server: new URL(`http://127.0.0.1:${port}`), credentials: async () => ({ headers: {}, tls: {} }) };
const connection = new Connection(access, systemClock);
const client = new ApiClient(
  new ApiTransport({ connection, clock: systemClock, random: () => 0, userAgent: 'u', observe: quietRequests }),
  'us',
);
const stop = new AbortController();
const running: Promise<void>[] = [];

after(async () => {
  stop.abort();
  await Promise.all(running);
  await connection.close();
  server.closeAllConnections();
  server.close();
});

/** As the API server, of the one Lease: list, watch, get, create and patch. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url!, 'http://server');
  let body = '';
  for await (const chunk of request) body += chunk;
  paths.add(`${request.method} ${url.pathname} ${url.searchParams.get('fieldSelector') ?? ''}`);
  if (url.searchParams.has('watch')) {
    response.writeHead(200).flushHeaders();
    watches.add(response.on('close', () => watches.delete(response)));
  } else if (request.method === 'GET') {
    const items = leases.lease ? [leases.lease] : [];
    response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items }));
  } else {
    try {
      const { metadata, spec } = JSON.parse(body);
      const object = leases.write(spec, metadata.resourceVersion);
      for (const watch of watches) watch.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
      response.end(JSON.stringify(object));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      response.writeHead(error.status!).end(JSON.stringify({ reason: error.code, message: error.message }));
    }
  }
}

function candidate(identity: string): LeaderElection {
  const place = { namespace: 'n', name: 'operator' };
  const onLost = (why: string) => assert.fail(why);
  const election = new LeaderElection({
    ...{ client, place, identity, clock: systemClock, random: Math.random, log: quietLog, onLost },
    onFault: () => assert.fail('the Lease can be processed'),
  });
  running.push(election.follow(stop.signal));
  return election;
}

test('of two the first leads; when it resigns the second one, which watches the Lease, leads at once and in a later epoch', async () => {
  const [first, second] = [candidate('first'), candidate('second')];
  assert.equal(await first.campaign(stop.signal), true);
  assert.deepEqual([first.isLeading, first.epoch, second.isLeading], [true, 0, false]);
  await until(() => second.holder === 'first', 'the second one knows');
  const elected = second.campaign(stop.signal);
  const resignedAt = performance.now();
  await first.resign({ writesMs: 500, releaseMs: () => 5000 });
  assert.equal(await elected, true);
  assert.ok(performance.now() - resignedAt < 10_000, 'long before a Lease would have expired');
  assert.deepEqual([first.isLeading, second.isLeading, second.epoch], [false, true, 1]);
  await second.resign({ writesMs: 500, releaseMs: () => 5000 });
});

test('it asks for nothing but the one Lease in its namespace', () => {
  const collection = '/apis/coordination.k8s.io/v1/namespaces/n/leases';
  const asked = [...paths].filter((path) => !path.startsWith(`GET ${collection}/operator`));
  assert.deepEqual(asked.sort(), [
    `GET ${collection} metadata.name=operator`,
    `PATCH ${collection}/operator `,
    `POST ${collection} `,
  ]);
});
