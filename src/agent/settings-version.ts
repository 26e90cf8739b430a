import { encodeSettings, type Settings } from '../protocol/settings.ts';

/** What to do with settings that came in: take them, or leave them since they say the same or are older than what is held. */
export type SettingsVerdict = 'take' | 'same' | 'older';

/**
 * Compares offered settings with those held. Another uid is another NetExporter, whose generations start again; within a uid the higher
 * generation wins, wherever it comes from. Different content of one generation is taken: an operator may write the same spec differently after
 * an upgrade or when the agents' Service got another address.
 */
export function judgeSettings(held: Settings | undefined, offered: Settings): SettingsVerdict {
  if (!held || held.resource.uid !== offered.resource.uid) return 'take';
  if (offered.resource.generation < held.resource.generation) return 'older';
  return encodeSettings(held) === encodeSettings(offered) ? 'same' : 'take';
}
