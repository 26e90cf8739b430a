import { configuredCount, isWithin, ownDaemonSet, reportingCount, wantedGeneration } from './agents-truth.ts';
import type { Condition, StatusFacts } from './facts.ts';
import { claimsIn } from './message-claims.ts';
import type { Exposed, Moment } from './moment.ts';
import { isSo, reasons } from './reasons.ts';

/** Something that the operator says, in a status or a metric. */
export interface Statement {
  /** What it is about: `status.agents.ready`, `condition Ready`. The operator says one thing of each at a time. */
  subject: string;
  /** What it says. */
  text: string;
  /** Figures of a new leader have five seconds more: until then those of the one before may stay. */
  isFigure: boolean;
  /** Whether it was so at a moment. */
  isTrue: (moment: Moment) => boolean;
}

const conditionTypes = ['Ready', 'Reconciling', 'Stalled', 'ConfigPropagated'];

/** What each subject means, and how the observer knows whether it is so. */
export const meanings: Readonly<Record<string, string>> = {
  'status.observedGeneration': 'metadata.generation; of a paused NetExporter it stays',
  'status.agents.desired': 'desiredNumberScheduled of the DaemonSet; 0 without one',
  'status.agents.ready': 'numberReady of the DaemonSet; 0 without one',
  'status.agents.summary': 'ready and desired of the same status',
  'status.agents.generation': 'metadata.generation; of a paused NetExporter the generation that agents use',
  'status.agents.configured':
    'agents that report and whose net_exporter_settings_generation is status.agents.generation; one whose net_exporter_assignment_revision rises soon may lack targets',
  'status.agents.reporting':
    'agents that the present leader answered, or may have heard of, in the last 45 s, by net_exporter_sync_age_seconds',
  'generation of a condition': 'metadata.generation; of a paused NetExporter it stays',
  'message of a condition': 'every figure and every node that it names',
  net_exporter_agents: 'as status.agents',
  net_exporter_resource_condition: 'the status of that condition in the API',
  net_exporter_generation: 'metadata.generation',
  net_exporter_observed_generation: 'status.observedGeneration in the API',
  'series of a standby': 'an operator that does not lead exposes none of these series',
  ...Object.fromEntries(Object.entries(reasons).map(([reason, { means }]) => [`reason ${reason}`, means])),
};

/** All that the operator says of the NetExporter at a moment. */
export function statementsAt(moment: Moment): Statement[] {
  const { resource, leader, exposed } = moment;
  if (!resource || resource.isDeleting || moment.isNamespaceEnding) return [];
  const ofLeader = exposed.find(({ pod }) => pod === leader?.pod);
  return [
    ...statusStatements(resource.status),
    ...(ofLeader ? metricStatements(ofLeader) : []),
    ...exposed.filter(({ pod }) => pod !== leader?.pod).map(standbyStatement),
  ];
}

function statusStatements(status: StatusFacts | undefined): Statement[] {
  const observed: Statement = {
    subject: 'status.observedGeneration',
    text: String(status?.observedGeneration),
    isFigure: false,
    isTrue: isCurrent(status?.observedGeneration),
  };
  if (!status) return [observed];
  return [
    observed,
    ...figureStatements('status.agents', status.agents ?? {}, status.agents?.generation),
    ...(status.agents ? [summaryStatement(status.agents), ...generationStatement(status.agents.generation)] : []),
    ...conditionTypes.flatMap((type) => conditionStatements(type, status.conditions)),
  ];
}

/** A paused NetExporter is not read anew, so its generation stays. */
function isCurrent(generation: number | undefined): Statement['isTrue'] {
  return ({ resource }) => !resource || resource.isPaused || generation === resource.generation;
}

type Figures = Readonly<Partial<Record<string, number | string>>>;

/** @param generation of the settings that those that are configured have; undefined: the newest one */
function figureStatements(place: string, figures: Figures, generation: number | undefined): Statement[] {
  const truths: Record<string, (count: number, moment: Moment) => boolean> = {
    desired: (count, moment) => count === (ownDaemonSet(moment)?.desired ?? 0),
    ready: (count, moment) => count === (ownDaemonSet(moment)?.ready ?? 0),
    reporting: (count, moment) => isWithin(count, reportingCount(moment)),
    configured: (count, moment) => isWithin(count, configuredCount(moment, generation ?? wantedGeneration(moment))),
  };
  return Object.entries(truths).flatMap(([state, isTrue]): Statement[] => {
    const count = figures[state];
    if (typeof count !== 'number') return [];
    const subject = `${place}${place.startsWith('status') ? '.' : ' '}${state}`;
    return [{ subject, text: String(count), isFigure: true, isTrue: (moment) => isTrue(count, moment) }];
  });
}

function summaryStatement({ ready, desired, summary }: NonNullable<StatusFacts['agents']>): Statement {
  const isConsistent = summary === `${ready}/${desired}`;
  return { subject: 'status.agents.summary', text: summary, isFigure: true, isTrue: () => isConsistent };
}

function generationStatement(generation: number | undefined): Statement[] {
  if (generation === undefined) return [];
  const isTrue = ({ resource, agents }: Moment) =>
    generation === resource?.generation ||
    (resource?.isPaused === true && [...agents.values()].some((sample) => sample.generation === generation));
  return [{ subject: 'status.agents.generation', text: String(generation), isFigure: true, isTrue }];
}

/** A condition that is absent says nothing, which it must not: every condition is there from the first write. */
function conditionStatements(type: string, conditions: readonly Condition[]): Statement[] {
  const subject = `condition ${type}`;
  const said = conditions.find((condition) => condition.type === type);
  if (!said) return [{ subject, text: 'absent', isFigure: false, isTrue: () => false }];
  const { status, reason, message, observedGeneration } = said;
  const isOf = isCurrent(observedGeneration);
  // One that is of an older generation says so, and is judged by that alone, unless it stays because of a pause.
  const ofPresent = (isTrue: Statement['isTrue']): Statement['isTrue'] => {
    const isOld = ({ resource }: Moment) => observedGeneration !== resource?.generation && !resource?.isPaused;
    return (moment) => isOld(moment) || isTrue(moment);
  };
  return [
    {
      subject: `generation of ${subject}`,
      text: String(observedGeneration),
      isFigure: false,
      isTrue: isOf,
    },
    {
      subject,
      text: `${status} ${reason}: ${message}`,
      isFigure: false,
      isTrue: ofPresent((moment) => isSo(said, moment, conditions)),
    },
    ...claimsIn(said).map((claim) => ({
      subject: `message of ${subject}: ${claim.text.replaceAll(/\d+ of \d+/g, 'n of m')}`,
      text: claim.text,
      isFigure: false,
      isTrue: ofPresent(claim.isTrue),
    })),
  ];
}

function metricStatements({ agents, conditions, generation, observedGeneration }: Exposed): Statement[] {
  const metric = (name: string, value: unknown, isTrue: Statement['isTrue']): Statement => ({
    subject: name,
    text: String(value),
    isFigure: false,
    isTrue,
  });
  return [
    ...figureStatements('net_exporter_agents', agents, undefined),
    metric('net_exporter_generation', generation, ({ resource }) => generation === resource?.generation),
    metric(
      'net_exporter_observed_generation',
      observedGeneration,
      ({ resource }) => observedGeneration === (resource?.status?.observedGeneration ?? 0),
    ),
    ...conditionTypes.map((type) =>
      metric(
        `net_exporter_resource_condition ${type}`,
        conditions[type],
        ({ resource }) =>
          conditions[type] === resource?.status?.conditions.find((condition) => condition.type === type)?.status,
      ),
    ),
  ];
}

/** One that does not lead knows nothing. What it exposes as it begins or ceases to lead is of that moment. */
function standbyStatement({ pod, generation }: Exposed): Statement {
  return {
    subject: `series of a standby: ${pod}`,
    text: generation === undefined ? 'none' : 'some',
    isFigure: false,
    isTrue: ({ leader }) => generation === undefined || leader?.pod === pod,
  };
}
