/**
 * One entry of `x-kubernetes-validations`: a CEL expression over `self` and what the API server says when it is false.
 */
export interface ValidationRule {
  rule: string;
  /** Says what to write instead. */
  message: string;
  /** A CEL expression for a message that names values; `message` stays as the fallback and for the reference. */
  messageExpression?: string;
  /** The field that the API server names, relative to `self`; without it, `self`. */
  fieldPath?: string;
  /** `oldSelf` is an optional that is empty when the object is created. Without it, the rule must not use `oldSelf`. */
  optionalOldSelf?: true;
}

/** The schema keyword that carries `rules`, to be spread into a schema's options. */
export function validated(...rules: ValidationRule[]): { 'x-kubernetes-validations': ValidationRule[] } {
  return { 'x-kubernetes-validations': rules };
}

/** Writes `text` as a CEL string literal; regular expressions keep their backslashes. */
export function celString(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
