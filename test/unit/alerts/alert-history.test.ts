import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertTimes, describeAlert, suspectKeyOf, timesOf } from '../../alerts/alert-history.ts';

const labels = {
  ...{ __name__: 'ALERTS', alertname: 'NetExporterSuspectNode', severity: 'warning' },
  ...{ namespace: 'monitoring', netexporter: 'default', kind: 'Node', name: 'node-3' },
};
const own = { namespace: 'monitoring', netexporter: 'default', kind: 'Node', name: 'node-3' };

test('samples without a gap are one time, and those after a gap another one', () => {
  const times = timesOf([{ labels: { ...labels, alertstate: 'firing' }, times: [100, 105, 110, 123, 128] }], 5);
  const alert = { alert: 'NetExporterSuspectNode', state: 'firing', labels: own };
  assert.deepEqual(times, [
    { ...alert, from: 100, until: 110 },
    { ...alert, from: 123, until: 128 },
  ]);
});

test('one evaluation may be missing', () => {
  const times = timesOf([{ labels: { ...labels, alertstate: 'firing' }, times: [100, 110] }], 5);
  assert.deepEqual(
    times.map(({ from, until }) => [from, until]),
    [[100, 110]],
  );
});

test('states are times of their own, in the order in which they began', async () => {
  const asked: string[] = [];
  const samples = async (range: string) => {
    asked.push(range);
    return [
      { labels: { ...labels, alertstate: 'firing' }, times: [110, 115] },
      { labels: { ...labels, alertstate: 'pending' }, times: [100, 105] },
    ];
  };
  const times = await alertTimes({ samples }, 12.5, 5);
  assert.deepEqual(
    times.map(({ state, from }) => [state, from]),
    [
      ['pending', 100],
      ['firing', 110],
    ],
  );
  assert.deepEqual(asked, ['ALERTS[13s]']);
});

test('an alert about a suspect has its key, in whatever direction a link is named', () => {
  assert.equal(suspectKeyOf({ labels: own }), 'Node node-3');
  const links = ['a>b', 'b>a', 'a<>b'].map((name) => suspectKeyOf({ labels: { ...own, kind: 'Link', name } }));
  assert.deepEqual(links, ['Link a b', 'Link a b', 'Link a b']);
  assert.equal(suspectKeyOf({ labels: { namespace: 'monitoring', netexporter: 'default' } }), undefined);
});

test('an alert is described by what tells it from others of the same NetExporter', () => {
  assert.equal(describeAlert({ alert: 'NetExporterSuspectNode', labels: own }), 'NetExporterSuspectNode (Node node-3)');
  const { namespace, netexporter } = own;
  const alert = { alert: 'NetExporterOperatorDown', labels: { namespace, netexporter } } as const;
  assert.equal(describeAlert(alert), 'NetExporterOperatorDown');
});
