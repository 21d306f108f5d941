// Reads a response schema into shapes. Schemas that a shape cannot express need slower checks: see
// `ReadSchema`.
import { ARRAY, kindOfConstant, kindsOf, NULL, OBJECT, STRING } from './response-kinds.js';
import { ANYTHING, type Shape } from './response-shape.js';

export interface ReadSchema {
  readonly shape: Shape;
  /**
   * The serializer chooses or merges schemas by rules of its own, so its text is parsed and compared with the
   * value.
   */
  readonly isEchoed: boolean;
  /**
   * The schema has keywords that no shape expresses (`if`, `not`), so every value is also validated, without
   * any conversion.
   */
  readonly isStrict: boolean;
}

type Schema = Readonly<Record<string, unknown>>;
const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Keywords of JSON Schema (draft 7 and 2020-12) that no shape expresses. Unknown keywords restrict nothing.
 */
const UNSUPPORTED: ReadonlySet<string> = new Set(
  `oneOf not if then else dependencies dependentSchemas dependentRequired contains minContains maxContains propertyNames
  prefixItems unevaluatedItems unevaluatedProperties $dynamicRef $recursiveRef`.split(/\s+/),
);
/** Keywords that change nothing beside a reference or alternatives. */
const NEUTRAL: ReadonlySet<string> = new Set(
  '$ref anyOf $id $schema $defs definitions $comment title description example examples default deprecated readOnly writeOnly'.split(
    ' ',
  ),
);

export function readSchema(root: object): ReadSchema {
  const reader = new SchemaReader(root);
  return { shape: reader.shapeOf(root), isEchoed: reader.isEchoed, isStrict: reader.isStrict };
}

class SchemaReader {
  isEchoed = false;
  isStrict = false;
  readonly #root: object;
  /** True when a part of the schema may have an $id. */
  readonly #hasParts: boolean;
  readonly #shapes = new Map<object, Shape>();

  constructor(root: object) {
    this.#root = root;
    this.#hasParts = JSON.stringify(Object.values(root)).includes('"$id":');
  }

  /** Returns the same shape for the same schema, so that a schema may refer to itself. */
  shapeOf(schema: unknown): Shape {
    if (schema === undefined || schema === true) return ANYTHING;
    if (!isSchema(schema)) return this.#strict();
    if (Object.keys(schema).length === 0) return ANYTHING;
    const known = this.#shapes.get(schema);
    if (known !== undefined) return known;
    const hasMore = Object.keys(schema).some((keyword) => !NEUTRAL.has(keyword));
    if (typeof schema.$ref === 'string' && !hasMore) return this.#referred(schema.$ref);
    const shape = { ...ANYTHING };
    this.#shapes.set(schema, shape);
    if (Object.keys(schema).some((keyword) => UNSUPPORTED.has(keyword))) this.#strict();
    // The serializer writes such text without the escapes that JSON needs.
    if (schema.format === 'unsafe') this.#strict();
    return Object.assign(shape, this.#read(schema, hasMore));
  }

  /** Notes that every value has to be validated. @returns the shape that accepts everything */
  #strict(): Shape {
    this.isStrict = true;
    return ANYTHING;
  }

  /** @param hasMore the schema has keywords that restrict values beside a reference or alternatives */
  #read(schema: Schema, hasMore: boolean): Shape {
    const { properties, type } = schema;
    const members = Object.entries(isSchema(properties) ? properties : {});
    const choices = this.#choices(schema, hasMore);
    const values = valuesOf(schema);
    const kinds = kindsIn(schema, choices, values);
    const hasText = (kinds & STRING) !== 0 && (kinds & (OBJECT | ARRAY)) !== 0;
    if (Array.isArray(type) && hasText) this.isEchoed = true;
    const tuple = this.#tuple(schema);
    return {
      kinds,
      values,
      names: members.map(([name]) => name),
      members: members.map(([, member]) => this.shapeOf(member)),
      items: isSchema(schema.items) ? this.shapeOf(schema.items) : undefined,
      tuple,
      patterns: Object.entries(isSchema(schema.patternProperties) ? schema.patternProperties : {}).map(
        ([pattern, member]) => [pattern, this.shapeOf(member)],
      ),
      others: schema.additionalProperties ? this.shapeOf(schema.additionalProperties) : undefined,
      parts: this.#parts(schema),
      choices,
    };
  }

  /**
   * Reads a tuple of `Type.Tuple`. Values of other schemas with items by position are validated, because no
   * shape expresses their further items.
   */
  #tuple({ items, additionalItems, minItems, maxItems }: Schema): readonly Shape[] | undefined {
    if (!Array.isArray(items)) {
      if (items !== undefined && !isSchema(items) && items !== true) this.#strict();
      return undefined;
    }
    if (additionalItems === false && minItems === items.length && maxItems === items.length) {
      return items.map((item) => this.shapeOf(item));
    }
    this.#strict();
    return undefined;
  }

  /** Reads `allOf`, and a reference beside other keywords: the serializer merges both into one schema. */
  #parts(schema: Schema): readonly Shape[] {
    const { allOf, $ref } = schema;
    const parts = Array.isArray(allOf) ? allOf.map((part) => this.shapeOf(part)) : [];
    if (typeof $ref === 'string') parts.push(this.#referred($ref));
    const isAlone = Object.keys(schema).every(
      (word) => word === 'allOf' || word === 'type' || NEUTRAL.has(word),
    );
    if (parts.length > 0 && !(isAlone && typeof $ref !== 'string' && areApart(parts))) this.isEchoed = true;
    return parts;
  }

  /**
   * Reads `anyOf`. The serializer writes the first alternative that its validator accepts, and the validator
   * ignores classes and `toJSON`. The choice is certain only when a single alternative accepts objects or
   * arrays, and no other one accepts text.
   */
  #choices({ anyOf }: Schema, hasMore: boolean): readonly Shape[] {
    if (!Array.isArray(anyOf)) return [];
    const choices = anyOf.map((choice) => this.shapeOf(choice));
    const holding = choices.filter(({ kinds }) => (kinds & (OBJECT | ARRAY)) !== 0);
    const hasText = choices.some(
      (one) => holding.length > 0 && one !== holding[0] && (one.kinds & STRING) !== 0,
    );
    if (hasMore || holding.length > 1 || hasText) this.isEchoed = true;
    return choices;
  }

  /**
   * Follows a reference as the serializer does, which does not unescape pointers either.
   * @returns undefined for a reference that only the serializer can follow
   */
  #target(ref: string): unknown {
    const [id = '', pointer = ''] = ref.split('#');
    // A pointer begins at the nearest part with an $id.
    if (id === '' && this.#hasParts) return undefined;
    let target: unknown = id === '' ? this.#root : withId(this.#root, id);
    if (pointer !== '' && !pointer.startsWith('/')) return undefined;
    for (const step of pointer.split('/').slice(1)) {
      target = typeof target === 'object' && target !== null ? Reflect.get(target, step) : undefined;
    }
    return target;
  }

  #referred(ref: string): Shape {
    const target = this.#target(ref);
    return target === undefined ? this.#strict() : this.shapeOf(target);
  }
}

/** True for objects that have no member in common: merging them changes no member. */
function areApart(parts: readonly Shape[]): boolean {
  const names = parts.flatMap((part) => part.names);
  const arePlain = parts.every(
    (part) =>
      part.kinds === OBJECT &&
      part.values === undefined &&
      part.others === undefined &&
      part.patterns.length + part.parts.length + part.choices.length === 0,
  );
  return arePlain && new Set(names).size === names.length;
}

function withId(schema: unknown, id: string): object | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  if ((schema as Schema).$id === id) return schema;
  for (const part of Object.values(schema)) {
    const found = withId(part, id);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns the allowed values. A constant wins over an enumeration, as in the serializer. */
function valuesOf(schema: Schema): readonly unknown[] | undefined {
  const listed = 'const' in schema ? [schema.const] : schema.enum;
  if (!Array.isArray(listed)) return undefined;
  const mayBeNull = schema.nullable === true;
  return mayBeNull ? [...(listed as unknown[]), null] : (listed as unknown[]);
}

function kindsIn(schema: Schema, choices: readonly Shape[], values: readonly unknown[] | undefined): number {
  if (schema.type !== undefined) return kindsOf(schema);
  if (values !== undefined) return values.reduce((kinds: number, one) => kinds | kindOfConstant(one), 0);
  if (choices.length > 0) {
    const nothing = schema.nullable === true ? NULL : 0;
    return choices.reduce((kinds, choice) => kinds | choice.kinds, nothing);
  }
  return kindsOf(schema);
}
