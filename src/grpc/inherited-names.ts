// Fields with names that every object inherits, such as `constructor`. The library takes the inherited
// function for the value of a field that a message does not have, so messages of such types are copied to
// objects that inherit nothing.
import type { Type } from 'protobufjs';

/** Whether the type, or a message in it, has such a field. */
export function hasInheritedNames(type: Type): boolean {
  const types = new Set([type]);
  // A set is iterated over what is added meanwhile.
  for (const { fieldsArray } of types) {
    for (const { name, resolvedType } of fieldsArray) {
      if (name in Object.prototype) return true;
      if (resolvedType !== null && 'fields' in resolvedType) types.add(resolvedType);
    }
  }
  return false;
}

/** @param value of a message that was checked: its objects are plain */
export function withoutInherited(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutInherited);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const bare = Object.create(null) as Record<string, unknown>;
  for (const [name, member] of Object.entries(value)) bare[name] = withoutInherited(member);
  return bare;
}
