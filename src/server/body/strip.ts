// Removes the members of a body that its schema does not list, so that a handler which passes `ctx.body` on
// never passes on more than it declared. `additionalProperties: false` refuses such members instead, `true`
// or a schema keeps them. Intersections, records and references are left as they are.
import type { TSchema } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';

/** Changes a value that matches its schema, in place. */
export type Strip = (value: unknown) => void;

/** @returns undefined when no value of this schema can have members to remove */
export function compileStrip(schema: TSchema): Strip | undefined {
  if (schema.type === 'array' && schema.items !== undefined) return stripItems(schema.items as TSchema);
  if (schema.anyOf !== undefined) return stripUnion(schema.anyOf as TSchema[]);
  if (schema.type === 'object' && schema.properties !== undefined) return stripObject(schema);
  return undefined;
}

function stripItems(items: TSchema): Strip | undefined {
  const strip = compileStrip(items);
  return strip && ((value) => (value as unknown[]).forEach(strip));
}

/** The first member of the union that a value matches decides. */
function stripUnion(members: readonly TSchema[]): Strip | undefined {
  const choices = members.map((schema) => ({
    check: TypeCompiler.Compile(schema),
    strip: compileStrip(schema),
  }));
  if (choices.every(({ strip }) => strip === undefined)) return undefined;
  return (value) => choices.find(({ check }) => check.Check(value))?.strip?.(value);
}

function stripObject(schema: TSchema): Strip | undefined {
  const properties = schema.properties as Readonly<Record<string, TSchema>>;
  const listed = new Set(Object.keys(properties));
  const inner = Object.entries(properties).flatMap(([name, property]): [string, Strip][] => {
    const strip = compileStrip(property);
    return strip === undefined ? [] : [[name, strip]];
  });
  const keepsOthers = schema.additionalProperties !== undefined;
  if (keepsOthers && inner.length === 0) return undefined;
  return (value) => {
    const object = value as Record<string, unknown>;
    for (const [name, strip] of inner) if (object[name] !== undefined) strip(object[name]);
    if (keepsOthers) return;
    // Parsed JSON inherits no enumerable members.
    for (const name in object) if (!listed.has(name)) delete object[name];
  };
}
