// Fields with names that every object inherits, such as `constructor`. The library takes the inherited
// function for the value of a field that a message does not have, so messages of such types are copied to
// objects that inherit nothing.
import type { Type } from 'protobufjs';
import { fieldsWithin } from './types-within.js';

/** Whether the type, or a message in it, has such a field. */
export const hasInheritedNames = (type: Type): boolean =>
  fieldsWithin(type).some(({ name }) => name in Object.prototype);

/** @param value of a message that was checked: its objects are plain */
export function withoutInherited(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutInherited);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const bare = Object.create(null) as Record<string, unknown>;
  for (const [name, member] of Object.entries(value)) bare[name] = withoutInherited(member);
  return bare;
}
