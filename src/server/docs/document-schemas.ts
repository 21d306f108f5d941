// Makes schemas of an OpenAPI 3.1 document from those of routes. A schema with `$id` becomes a component of
// that name, which generators of clients make a type from.
import { isPlainObject, type Schema, withJsonTypes } from './json-types.js';

/**
 * Which side writes the value. A member with a default need not be sent by a client, and is always there in a
 * response, because it is filled in.
 */
export type Direction = 'request' | 'response';

/** Keywords with a schema, with a list of them, and with schemas by name (JSON Schema 2020-12, draft 7). */
const ONE: ReadonlySet<string> = new Set(
  `items additionalItems contains additionalProperties unevaluatedProperties unevaluatedItems propertyNames not if then
  else`.split(/\s+/),
);
const LISTS: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'dependentSchemas']);
/** These have another meaning in the document, or have become components. */
const OMITTED: ReadonlySet<string> = new Set(['$id', '$schema', '$defs', 'definitions']);

/** Where references of a schema lead: the schema as it was declared, and those around it by `$id` or name. */
interface Scope {
  readonly root: Schema;
  readonly named: ReadonlyMap<string, Schema>;
}

export class DocumentSchemas {
  /** The components by name. */
  readonly components: Record<string, unknown>;
  /** Names of components by direction, `$id` and content. */
  readonly #names = new Map<string, string>();
  /** What was made of schemas that stand in no other one. Routes often share them. */
  readonly #made = new Map<Direction, WeakMap<object, unknown>>([
    ['request', new WeakMap()],
    ['response', new WeakMap()],
  ]);

  /** @param components those whose names are taken */
  constructor(components: Readonly<Record<string, unknown>> = {}) {
    this.components = { ...components };
  }

  /** The schema in the document, or a reference to a component. */
  of(schema: unknown, direction: Direction): unknown {
    if (!isPlainObject(schema)) return schema;
    const made = this.#made.get(direction)!;
    let result = made.get(schema);
    if (result === undefined) {
      result = this.#of(schema, direction, { root: schema, named: new Map() });
      made.set(schema, result);
    }
    return result;
  }

  #of(schema: unknown, direction: Direction, scope: Scope): unknown {
    if (!isPlainObject(schema)) return schema;
    const inner = scopeIn(schema, scope);
    if (typeof schema.$id === 'string') return this.#component(schema, schema.$id, direction, inner);
    return this.#content(schema, direction, inner);
  }

  #component(schema: Schema, id: string, direction: Direction, scope: Scope): unknown {
    const text = textOf(schema);
    const differs = text.includes('"default":');
    const side = differs ? direction : 'both';
    const key = `${side} ${id} ${text}`;
    let name = this.#names.get(key);
    if (name === undefined) {
      name = this.#freeName(nameOf(id) + (side === 'request' ? 'Input' : ''));
      this.#names.set(key, name);
      this.components[name] = {}; // it is taken from now on, also by references to it within itself
      this.components[name] = this.#content(schema, direction, scope);
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  #freeName(wanted: string): string {
    let name = wanted;
    for (let n = 2; Object.hasOwn(this.components, name); n++) name = `${wanted}${n}`;
    return name;
  }

  #content(schema: Schema, direction: Direction, scope: Scope): unknown {
    const result: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(withJsonTypes(schema))) {
      if (OMITTED.has(keyword) || value === undefined) continue;
      if (keyword === '$ref' && typeof value === 'string')
        Object.assign(result, this.#referred(value, direction, scope));
      else result[keyword] = this.#value(keyword, value, direction, scope);
    }
    const required = requiredOf(schema, direction);
    if (required.length > 0) result.required = required;
    else delete result.required;
    return result;
  }

  #value(keyword: string, value: unknown, direction: Direction, scope: Scope): unknown {
    const of = (one: unknown): unknown => this.#of(one, direction, scope);
    if (ONE.has(keyword)) return Array.isArray(value) ? value.map(of) : of(value);
    if (LISTS.has(keyword) && Array.isArray(value)) return value.map(of);
    if (MAPS.has(keyword) && isPlainObject(value))
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, of(one)]));
    return value;
  }

  /** A reference leads to an `$id`, to a name in `$defs`, or by a JSON Pointer into the schema itself. */
  #referred(reference: string, direction: Direction, scope: Scope): Schema {
    const target = scope.named.get(reference) ?? targetOf(reference, scope.root);
    if (target === undefined) return { $ref: reference };
    const name = typeof target.$id === 'string' ? target.$id : (reference.split('/').at(-1) ?? reference);
    const named = { root: scope.root, named: scopeIn(target, scope).named };
    return this.#component(target, name === '#' ? 'Recursive' : name, direction, named) as Schema;
  }
}

/** The scope of what stands in a schema. */
function scopeIn(schema: Schema, { root, named }: Scope): Scope {
  const { $id, $defs, definitions } = schema;
  if ($id === undefined && $defs === undefined && definitions === undefined) return { root, named };
  const inner = new Map(named);
  if (typeof $id === 'string') inner.set($id, schema);
  for (const defined of [$defs, definitions]) {
    if (!isPlainObject(defined)) continue;
    for (const [name, one] of Object.entries(defined)) if (isPlainObject(one)) inner.set(name, one);
  }
  return { root, named: inner };
}

function targetOf(reference: string, root: Schema): Schema | undefined {
  if (!reference.startsWith('#')) return undefined;
  let found: unknown = root;
  for (const part of reference.split('/').slice(1)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    found = isPlainObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return isPlainObject(found) ? found : undefined;
}

function requiredOf({ required, properties }: Schema, direction: Direction): readonly string[] {
  const names = Array.isArray(required) ? (required as string[]) : [];
  const hasDefault = (name: string): boolean => {
    const property = isPlainObject(properties) && Object.hasOwn(properties, name) ? properties[name] : {};
    return isPlainObject(property) && property.default !== undefined;
  };
  if (direction === 'request') return names.filter((name) => !hasDefault(name));
  const filled = isPlainObject(properties) ? Object.keys(properties).filter(hasDefault) : [];
  return [...new Set([...names, ...filled])];
}

/** `$id` may be a URI, of which the last part is the name. */
function nameOf(id: string): string {
  const last = id.split(/[/#]/).findLast((part) => part !== '') ?? id;
  return last.replaceAll(/[^A-Za-z0-9._-]/g, '_');
}

/** JSON has no big integers, which TypeBox allows in schemas. */
export const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? Number(one) : one));

/** The members at this depth of the document are its paths and components: the pieces of the work. */
const PIECES_AT = 3;

/** The text of a document, by work that yields after each piece. */
export function* documentText(value: unknown, depth = PIECES_AT): Generator<void, string> {
  if (depth === 0 || !isPlainObject(value)) {
    yield;
    return textOf(value);
  }
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined)
      members.push(`${JSON.stringify(name)}:${yield* documentText(member, depth - 1)}`);
  }
  return `{${members.join(',')}}`;
}
