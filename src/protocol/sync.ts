import { createHash } from 'node:crypto';
import { type Assignment, decodeAssignment } from './assignment.ts';
import { boolean, integer, json, object, readAs, refuse, requireVersion, text, within } from './document.ts';
import { decodeReport, encodeReport, type Report } from './report.ts';
import { decodeSettings, encodeSettings, type Settings } from './settings.ts';

/** The version of the exchange that this code speaks. Either side refuses any other. */
export const syncVersion = 1;

/** Where agents post. */
export const syncPath = '/v1/sync';
/** What an agent's token is for; at the API server it is worth nothing. */
export const tokenAudience = 'net-exporter';
/** The name in the operator's certificate, which is the same wherever it runs. */
export const syncServerName = 'net-exporter-operator.net-exporter.dev';
/** How long a request is held at most while there is nothing to answer. */
export const holdMs = 15_000;
/** How large a request's body may be. */
export const maxRequestBytes = 262_144;
/** How large an answer's body may be. */
export const maxAnswerBytes = 2_097_152;
/** How long what tells settings apart may be, in characters. */
const maxDigestLength = 64;

/** Settings by which they are told apart. */
export interface HeldSettings {
  uid: string;
  generation: number;
  /** What the operator calls them, or, until it has said so, their `settingsDigest`: one spec may be written differently after an upgrade. */
  digest: string;
}

/** An assignment by what it is told apart. */
export interface HeldAssignment {
  uid: string;
  epoch: number;
  revision: number;
}

/** What an agent probes by; a part is missing where it has none. */
export interface Held {
  settings?: HeldSettings;
  assignment?: HeldAssignment;
}

/** What an agent posts. */
export interface SyncRequest {
  version: typeof syncVersion;
  held: Held;
  /** Missing where there is nothing new to report. */
  report?: Report;
  /** The agent is about to end: it waits for the acknowledgement and for nothing else. */
  leaving?: boolean;
}

/** Which report was taken into account. */
export interface Acknowledgement {
  stream: string;
  sequence: number;
}

/** What the operator answers. Settings and assignment are there only where they differ from what is held. */
export interface SyncAnswer {
  version: typeof syncVersion;
  acknowledged?: Acknowledgement;
  settings?: Settings;
  /** What is held with these settings, whatever of them the agent knows. Missing where the operator is one that does not say it. */
  settingsDigest?: string;
  assignment?: Assignment;
}

/** What tells settings of one generation apart: 16 hexadecimal digits of the SHA-256 of their text. */
export function settingsDigest(settings: Settings): string {
  return createHash('sha256').update(encodeSettings(settings)).digest('hex').slice(0, 16);
}

/** @throws ProtocolError (`InvalidReport`) for a report, or (`InvalidSync`) for a size, that no reader would take */
export function encodeSyncRequest({ version, held, report, leaving }: SyncRequest): string {
  const encoded = report && encodeReport(report);
  return bounded(JSON.stringify({ version, held, report: encoded, leaving }), maxRequestBytes);
}

/**
 * Reads the body of a request. Fields it does not know are ignored.
 * @throws ProtocolError (`InvalidSync`) when it is too large, not JSON, of another version, or a field is missing or out of bounds
 */
export function decodeSyncRequest(body: string): SyncRequest {
  return readAs('InvalidSync', () => {
    const document = object(json(body, maxRequestBytes), 'the document');
    requireVersion(document.version, syncVersion);
    const held = object(document.held, 'held');
    const settings = optional(held.settings, heldSettings);
    const assignment = optional(held.assignment, heldAssignment);
    const report = optional(document.report, (value) => within('report', () => decodeReport(value)));
    const leaving = optional(document.leaving, (value) => boolean(value, 'leaving'));
    return {
      version: syncVersion,
      held: { ...(settings && { settings }), ...(assignment && { assignment }) },
      ...(report && { report }),
      ...(leaving !== undefined && { leaving }),
    };
  });
}

/** @throws ProtocolError (`InvalidSync`) for a size that no reader would take */
export function encodeSyncAnswer(answer: SyncAnswer): string {
  const { version, acknowledged, settings, settingsDigest, assignment } = answer;
  return bounded(JSON.stringify({ version, acknowledged, settings, settingsDigest, assignment }), maxAnswerBytes);
}

/**
 * Reads the body of an answer. Fields it does not know are ignored.
 * @throws ProtocolError (`InvalidSync`) when it is too large, not JSON, of another version, or a field is missing or out of bounds
 */
export function decodeSyncAnswer(body: string): SyncAnswer {
  return readAs('InvalidSync', () => {
    const document = object(json(body, maxAnswerBytes), 'the document');
    requireVersion(document.version, syncVersion);
    const acknowledged = optional(document.acknowledged, acknowledgement);
    const settings = optional(document.settings, (value) => within('settings', () => decodeSettings(value)));
    const digest = optional(document.settingsDigest, (value) => text(value, 'settingsDigest', maxDigestLength));
    const assignment = optional(document.assignment, (value) => within('assignment', () => decodeAssignment(value)));
    return {
      version: syncVersion,
      ...(acknowledged && { acknowledged }),
      ...(settings && { settings }),
      ...(digest !== undefined && { settingsDigest: digest }),
      ...(assignment && { assignment }),
    };
  });
}

function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

function heldSettings(value: unknown): HeldSettings {
  const { uid, generation, digest } = object(value, 'held.settings');
  return {
    uid: text(uid, 'held.settings.uid', 64),
    generation: integer(generation, 'held.settings.generation', 1, Number.MAX_SAFE_INTEGER),
    digest: text(digest, 'held.settings.digest', maxDigestLength),
  };
}

function heldAssignment(value: unknown): HeldAssignment {
  const { uid, epoch, revision } = object(value, 'held.assignment');
  return {
    uid: text(uid, 'held.assignment.uid', 64),
    epoch: integer(epoch, 'held.assignment.epoch', 0, Number.MAX_SAFE_INTEGER),
    revision: integer(revision, 'held.assignment.revision', 1, Number.MAX_SAFE_INTEGER),
  };
}

function acknowledgement(value: unknown): Acknowledgement {
  const { stream, sequence } = object(value, 'acknowledged');
  return {
    stream: text(stream, 'acknowledged.stream', 64),
    sequence: integer(sequence, 'acknowledged.sequence', 1, Number.MAX_SAFE_INTEGER),
  };
}

function bounded(body: string, maxBytes: number): string {
  return readAs('InvalidSync', () => {
    if (Buffer.byteLength(body) > maxBytes) refuse(`the document is larger than ${maxBytes} bytes`);
    return body;
  });
}
