import { type Static, type TObject, type TSchema, Type } from 'typebox';

/** A schema that says what the API server writes where the user wrote nothing. */
export type Defaulted<T extends TSchema = TSchema> = T & { default: unknown };

/** Adds a default of the schema's own type, so that a wrong default is a compile error. */
export function withDefault<T extends TSchema>(schema: T, value: Static<T>): Defaulted<T> {
  return Object.assign(schema, { default: value });
}

/**
 * An object all of whose fields have defaults, and which is therefore a default of its own: the API server fills in
 * `{}`, an absent object and a null alike. (A default of `{}` beside required fields is refused by the API server, so
 * the object's default repeats those of its fields.)
 */
export function defaultedObject<P extends Record<string, Defaulted>>(
  properties: P,
  options: Record<string, unknown> & { description: string },
): Defaulted<TObject<P>> {
  const defaults = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, field.default]));
  return Object.assign(Type.Object(properties, options), { default: defaults });
}
