/** A condition on what the operator's account writes. */
export interface Rule {
  /** CEL. */
  expression: string;
  /** The API server's answer where the condition does not hold: a sentence without a full stop. */
  message: string;
}

/** A part of conditions, which read it as `variables.NAME`. */
export interface Variable {
  name: string;
  /** CEL. */
  expression: string;
}

/** A CEL literal of a string, or of a list of strings. */
export function literal(value: string | readonly string[]): string {
  return JSON.stringify(value);
}

/** A CEL map. @param entries its values, each an expression */
export function mapOf(entries: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(entries).map(([key, expression]) => `${literal(key)}: ${expression}`);
  return `{${pairs.join(', ')}}`;
}

/** Whether a field is absent, or the condition about it holds. */
export function absentOr(field: string, condition: string): string {
  return `(!has(${field}) || ${condition})`;
}

/** Whether a field is absent or false. */
export function notSet(field: string): string {
  return absentOr(field, `${field} == false`);
}
