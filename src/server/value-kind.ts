// What a value is, in words, for messages about a value of the wrong type.
import { types } from 'node:util';

/** Looks at nothing that could throw. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The same with the class of an object. @throws what a getter of the object throws */
export function classOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return kindOf(value);
  const maker = (value as { constructor?: unknown }).constructor;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return `an object of the class ${(typeof maker === 'function' && maker.name) || tag}`;
}
