// Members of a body that its schema does not list are left out of `ctx.body`, so that a handler which passes
// the body on cannot be made to pass on more than it declared. `additionalProperties: false` refuses them
// instead, `true` or a schema keeps them. Intersections, records and references are left as they are.
import type { TSchema } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';

/** Changes the value in place; the value is known to match its schema. */
export type Strip = (value: unknown) => void;

/** @returns undefined when there is nothing that could have to be left out */
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

/** By the first member that the value matches. */
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
    // Parsed JSON: there is nothing to inherit.
    for (const name in object) if (!listed.has(name)) delete object[name];
  };
}
