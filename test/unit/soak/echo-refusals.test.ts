import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { EchoRefusals } from '../../../soak/echo-refusals.ts';
import { waitFor } from '../../cluster/wait.ts';
import type { Agent } from '../../e2e/agents.ts';

function agent(uid: string, port: number): Agent {
  return { pod: uid, uid, node: 'n', ip: '127.0.0.1', port, ready: true, restarts: 0 };
}

test('counts what agents have refused to one address since it began, also of agents that end', async () => {
  let refused = 5;
  let scrapes = 0;
  const server = createServer((_, response) => {
    scrapes++;
    response.end(
      `net_exporter_echo_dropped_total{reason="address"} ${refused}\nnet_exporter_echo_dropped_total{reason="rate"} 99\n`,
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Nothing listens at the other one's port.
  const agents = [agent('a', (server.address() as AddressInfo).port), agent('b', 1)];
  const idle = new EchoRefusals(agents);
  await waitFor('a scrape', () => scrapes > 0, { timeout: 10_000 });
  assert.equal(await idle.stop(), 0);
  scrapes = 0;
  const busy = new EchoRefusals(agents);
  await waitFor('a scrape', () => scrapes > 0, { timeout: 10_000 });
  refused = 12;
  scrapes = 0;
  await waitFor('another scrape', () => scrapes > 0, { timeout: 10_000 });
  server.closeAllConnections();
  server.close();
  assert.equal(await busy.stop(), 7);
});
