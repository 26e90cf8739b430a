import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../../src/base/clock.ts';
import { FleetViews } from '../../../../../src/operator/http/api/fleet-views.ts';
import { JudgedOperator, key } from '../../judge/judged-operator.ts';
import { sourceOf } from './api-rig.ts';

test('a view is made once for each judgement, however many ask at the same time', async () => {
  const operator = await new JudgedOperator().run(60);
  const views = new FleetViews(sourceOf(operator), operator.clock);
  const [first, second] = await Promise.all([views.of(key), views.of(key)]);
  assert.ok(first);
  assert.equal(first, second);
  assert.equal(await views.of(key), first, 'nothing has been judged since');
  await operator.run(6);
  const later = await views.of(key);
  assert.notEqual(later, first);
  views.clear();
  assert.notEqual(await views.of(key), later);
});

test('a NetExporter that is gone, or another one of its name, has no view of the former', async () => {
  const operator = await new JudgedOperator().run(60);
  const source = sourceOf(operator);
  const views = new FleetViews(source, operator.clock);
  assert.equal((await views.of(key))?.nodes.length, 12);
  assert.equal(await views.of('monitoring/other'), undefined);
  operator.fleet.forget(key);
  assert.equal(await views.of(key), undefined);
});

test('while a view is made, everything else has its turn', async () => {
  const operator = await new JudgedOperator().run(60);
  let reading = 0;
  // Each reading takes a millisecond, so that a slice lasts for a few agents.
  const clock = { ...systemClock, monotonic: () => operator.clock.monotonic() + ++reading };
  const views = new FleetViews(sourceOf(operator), clock);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const view = await views.of(key);
  clearInterval(timer);
  assert.equal(view?.nodes.length, 12);
  assert.ok(turns > 0, 'a timer fired meanwhile');
});

test('a failure concerns those who wait for it only', async () => {
  const operator = await new JudgedOperator().run(60);
  const source = sourceOf(operator);
  let isBroken = true;
  const nodeOf = (name: string) => {
    if (isBroken) throw new Error('broken');
    return source.nodeOf(name);
  };
  const views = new FleetViews({ ...source, nodeOf }, operator.clock);
  await assert.rejects(views.of(key), /broken/);
  isBroken = false;
  assert.equal((await views.of(key))?.nodes.length, 12);
});
