import { Type } from 'typebox';
import { celString, type ValidationRule, validated } from './validation-rule.ts';

const prefix = '([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*/)?';
const name = '[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
export const labelKeyPattern = `^${prefix}${name}$`;
export const labelValuePattern = `^(${name})?$`;

const validKeys: ValidationRule = {
  rule: `self.all(key, key.indexOf('/') <= 253 && key.matches(${celString(labelKeyPattern)}))`,
  message:
    'every key must have the form name or prefix/name, such as team or example.com/team; the name has at most 63 letters, digits, -, _ and ., the prefix is a lowercase DNS name',
};

const validValues: ValidationRule = {
  rule: `self.all(key, self[key].matches(${celString(labelValuePattern)}))`,
  message:
    'every value must be empty or have at most 63 letters, digits, -, _ and ., and start and end with a letter or digit; put numbers, true and false in quotes',
};

/** Keeps the keys under these prefixes for the operator. */
export function reservedPrefixes(...prefixes: string[]): ValidationRule {
  return {
    rule: prefixes.map((reserved) => `self.all(key, !key.startsWith(${celString(reserved)}))`).join(' && '),
    message: `must not contain keys with the prefix ${prefixes.join(' or ')}, which are reserved for the operator; use a different key`,
  };
}

/** A map of labels (key and value as Kubernetes takes them) with more rules of its own. */
export function labelsField(description: string, ...more: ValidationRule[]) {
  return Type.Unsafe<Record<string, string>>({
    type: 'object',
    description,
    maxProperties: 32,
    additionalProperties: { type: 'string', maxLength: 63 },
    ...validated(validKeys, validValues, ...more),
  });
}

/** A map of annotations: keys as of labels, values free. */
export function annotationsField(description: string, ...more: ValidationRule[]) {
  return Type.Unsafe<Record<string, string>>({
    type: 'object',
    description,
    maxProperties: 32,
    additionalProperties: { type: 'string', maxLength: 4096 },
    ...validated(validKeys, ...more),
  });
}
