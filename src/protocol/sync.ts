import { createHash } from 'node:crypto';
import { type Assignment, decodeAssignment } from './assignment.ts';
import { boolean, integer, json, object, readAs, refuse, requireVersion, text, within } from './document.ts';
import { decodeReport, encodeReport, type Report } from './report.ts';
import { decodeSettings, encodeSettings, type Settings } from './settings.ts';

/** Version of the sync protocol. Both sides reject all others. */
export const syncVersion = 1;

/** Path of sync requests. */
export const syncPath = '/v1/sync';
/** Audience of the agents' tokens. The API server does not accept tokens with this audience. */
export const tokenAudience = 'net-exporter';
/** Name in the operator's certificate, the same in every cluster. */
export const syncServerName = 'net-exporter-operator.net-exporter.dev';
/** Maximum time that the operator holds a request while there is nothing new, in milliseconds. */
export const holdMs = 15_000;
/** Maximum size of a request body, in bytes. */
export const maxRequestBytes = 262_144;
/** Maximum size of a response body, in bytes. */
export const maxAnswerBytes = 2_097_152;
/** Maximum length of a settings digest, in characters. */
const maxDigestLength = 64;

/** Identifies settings. */
export interface HeldSettings {
  uid: string;
  generation: number;
  /**
   * Digest by which the operator identifies them, or their own `settingsDigest` until it has sent one: the same spec
   * may be written differently after an upgrade.
   */
  digest: string;
}

/** Identifies an assignment. */
export interface HeldAssignment {
  uid: string;
  epoch: number;
  revision: number;
}

/** What an agent holds. A missing part means that it has none. */
export interface Held {
  settings?: HeldSettings;
  assignment?: HeldAssignment;
}

/** A sync request. */
export interface SyncRequest {
  version: typeof syncVersion;
  held: Held;
  /** Missing if there is nothing new to report. */
  report?: Report;
  /** The agent is stopping: it waits only for the acknowledgement. */
  leaving?: boolean;
}

/** Identifies a report that the operator has processed. */
export interface Acknowledgement {
  stream: string;
  sequence: number;
}

/** A sync response. Settings and assignment are included only if they differ from what the agent holds. */
export interface SyncAnswer {
  version: typeof syncVersion;
  acknowledged?: Acknowledgement;
  settings?: Settings;
  /**
   * Digest that identifies the settings, even if the agent does not know all their fields. Missing if the operator is
   * of a version that does not send it.
   */
  settingsDigest?: string;
  assignment?: Assignment;
}

/** Digest of settings: 16 hexadecimal digits of the SHA-256 of their text. */
export function settingsDigest(settings: Settings): string {
  return createHash('sha256').update(encodeSettings(settings)).digest('hex').slice(0, 16);
}

/** @throws ProtocolError (`InvalidReport`) for an invalid report, (`InvalidSync`) if the request is too large */
export function encodeSyncRequest({ version, held, report, leaving }: SyncRequest): string {
  const encoded = report && encodeReport(report);
  return bounded(JSON.stringify({ version, held, report: encoded, leaving }), maxRequestBytes);
}

/**
 * Parses a request body. Ignores unknown fields.
 * @throws ProtocolError (`InvalidSync`) if it is too large, not JSON, of another version, or a field is missing or out
 *   of bounds
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

/** @throws ProtocolError (`InvalidSync`) if the response is too large */
export function encodeSyncAnswer(answer: SyncAnswer): string {
  const { version, acknowledged, settings, settingsDigest, assignment } = answer;
  return bounded(JSON.stringify({ version, acknowledged, settings, settingsDigest, assignment }), maxAnswerBytes);
}

/**
 * Parses a response body. Ignores unknown fields.
 * @throws ProtocolError (`InvalidSync`) if it is too large, not JSON, of another version, or a field is missing or out
 *   of bounds
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
