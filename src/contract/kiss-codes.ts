/** The kiss codes that tell a client what to do (RFC 5905 §7.4), and all others as one: the values of the label `code`. */
export const kissCodes = ['RATE', 'DENY', 'RSTR', 'other'] as const;

export type KissCode = (typeof kissCodes)[number];
