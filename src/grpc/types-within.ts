import type { Enum, Type } from 'protobufjs';

/** The messages, all messages and enums that their fields have, those of these messages, and so on. */
export function typesWithin(messages: readonly Type[]): ReadonlySet<Type | Enum> {
  const found = new Set<Type | Enum>(messages);
  // A set is iterated over what is added meanwhile.
  for (const one of found) {
    if (!('fieldsArray' in one)) continue;
    for (const { resolvedType } of one.fieldsArray) if (resolvedType !== null) found.add(resolvedType);
  }
  return found;
}

/** The fields of a message, and of all messages within it. */
export const fieldsWithin = (message: Type) =>
  [...typesWithin([message])].flatMap((one) => ('fieldsArray' in one ? one.fieldsArray : []));
