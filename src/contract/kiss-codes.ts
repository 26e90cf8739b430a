/**
 * Values of the label `code`: the kiss codes that demand an action of the client (RFC 5905 §7.4), and `other` for all
 * others.
 */
export const kissCodes = ['RATE', 'DENY', 'RSTR', 'other'] as const;

export type KissCode = (typeof kissCodes)[number];
