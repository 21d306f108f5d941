// The options of a route that describe it in the OpenAPI document. They change nothing else.
import { Kind, type TSchema } from '@sinclair/typebox';
import { checkExternalDocs, checkRequirements } from '../../openapi-checks.js';
import type { ExternalDocs, SecurityRequirement } from '../../openapi-options.js';
import {
  ANYTHING,
  checkOptions,
  describeValue,
  type ErrorFactory,
  FILLED_TEXT,
  type OptionKind,
  SWITCH,
  shapeOf,
  TEXT,
} from '../../options.js';

/** A media type, several, or schemas by media type. Without a schema, text is a string, the rest bytes. */
export type MediaTypes = string | readonly string[] | Readonly<Record<string, TSchema>>;

/** A named example of a body (OAS 3.1, "Example Object"). */
export interface BodyExample {
  readonly summary?: string;
  readonly description?: string;
  readonly value: unknown;
}

/** What the OpenAPI document says of a route, beside its schemas. None of it changes what the route does. */
export interface RouteDocs {
  /** One line of text for route lists and OpenAPI. */
  readonly summary?: string;
  /** Text in CommonMark. @default none */
  readonly description?: string;
  /** The groups in which the route is shown. @default the name of the service */
  readonly tags?: readonly string[];
  /**
   * The name of the operation, from which generators make names of functions. No other route may have it.
   * @default method and path, such as `get_api_users_id`
   */
  readonly operationId?: string;
  /** Clients should no longer use the route. @default false */
  readonly deprecated?: boolean;
  /** Where more is written about the route. @default none */
  readonly externalDocs?: ExternalDocs;
  /** The document omits the route. `internal` routes are never in it. @default false */
  readonly hide?: boolean;
  /**
   * Any of these alternatives is needed, of the schemes in `openapi.securitySchemes`; `[]` for none. It
   * describes what a hook checks, and checks nothing itself.
   * @default `openapi.security` of the configuration
   * @example security: [{ bearer: [] }, { apiKey: [] }]
   */
  readonly security?: readonly SecurityRequirement[];
  /**
   * The codes of problem documents that the handler answers with, by status. What the runtime itself answers,
   * such as 422 VALIDATION_FAILED of a route with schemas, is in the document anyway.
   * @example errors: { 404: 'NOT_FOUND', 409: ['EMAIL_TAKEN', 'OUT_OF_STOCK'] }
   */
  readonly errors?: Readonly<Record<number, string | readonly string[]>>;
  /**
   * Header fields of responses, by status.
   * @example responseHeaders: { 201: Type.Object({ location: Type.String() }) }
   */
  readonly responseHeaders?: Readonly<Record<number, TSchema>>;
  /**
   * The media types of a body that the handler reads itself (`readBytes`, `readParts`, `readStream`).
   * @default that of `body`
   * @example consumes: { 'multipart/form-data': Type.Object({ file: Type.String({ format: 'binary' }) }) }
   */
  readonly consumes?: MediaTypes;
  /**
   * The media types of a response with status 200 that is not JSON by `response`.
   * @example produces: 'application/pdf'
   */
  readonly produces?: MediaTypes;
  /** An example of the body. @default made from the examples in the schema */
  readonly example?: unknown;
  /** Several examples of the body, by name. */
  readonly examples?: Readonly<Record<string, BodyExample>>;
}

/** What groups may have for all their routes. */
export type GroupDocs = Pick<RouteDocs, 'tags' | 'deprecated' | 'hide' | 'security'>;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isOfTypeBox = (value: unknown): boolean => isObject(value) && Kind in value;

const TEXTS: OptionKind = { text: "a list of strings such as ['orders']", is: isTexts };
const CODES: OptionKind = {
  text: "an object of codes by status such as { 404: 'NOT_FOUND', 409: ['EMAIL_TAKEN'] }",
  is: (value) =>
    isObject(value) &&
    Object.entries(value).every(
      ([status, codes]) => /^[45]\d\d$/.test(status) && (isText(codes) || (isTexts(codes) && codes !== '')),
    ),
};
const FIELDS: OptionKind = {
  text: 'an object of schemas by status such as { 201: Type.Object({ location: Type.String() }) }',
  is: (value) =>
    isObject(value) &&
    Object.entries(value).every(
      ([status, schema]) =>
        /^[1-5]\d\d$/.test(status) && isOfTypeBox(schema) && isObject((schema as TSchema).properties),
    ),
};
/** RFC 9110 section 8.3.1, with the wildcards of OpenAPI. */
const MEDIA_TYPE = /^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+(?:\s*;.*)?$/;
const MEDIA_TYPES: OptionKind = {
  text: "a media type such as 'application/pdf', a list of them, or schemas by media type",
  is: (value) => {
    const types = typeof value === 'string' ? [value] : isTexts(value) ? value : undefined;
    if (types !== undefined) return (types as string[]).every((type) => MEDIA_TYPE.test(type));
    return (
      isObject(value) &&
      Object.entries(value).every(([type, schema]) => MEDIA_TYPE.test(type) && isOfTypeBox(schema))
    );
  },
};
const EXAMPLES: OptionKind = {
  text: 'an object of examples by name such as { small: { value: { quantity: 1 } } }',
  is: (value) => isObject(value) && Object.values(value).every((one) => isObject(one) && 'value' in one),
};
const EXAMPLE = shapeOf<BodyExample>('{ value: {} }', { summary: TEXT, description: TEXT, value: ANYTHING });

export const GROUP_DOC_KINDS = { tags: TEXTS, deprecated: SWITCH, hide: SWITCH, security: ANYTHING };
/** The kinds of the options that describe any route, a mounted application and a WebSocket. */
export const COMMON_DOC_KINDS = {
  ...GROUP_DOC_KINDS,
  summary: TEXT,
  description: TEXT,
  externalDocs: ANYTHING,
};
/** The kinds of the options that describe a route with a handler. */
export const ROUTE_DOC_KINDS = {
  ...COMMON_DOC_KINDS,
  operationId: FILLED_TEXT,
  errors: CODES,
  responseHeaders: FIELDS,
  consumes: MEDIA_TYPES,
  produces: MEDIA_TYPES,
  example: ANYTHING,
  examples: EXAMPLES,
};
export type CommonDocs = Pick<RouteDocs, keyof typeof COMMON_DOC_KINDS>;

/** Checks what `ROUTE_DOC_KINDS` leave open. @throws the error that `fault` makes */
export function checkRouteDocs(options: RouteDocs, fault: ErrorFactory): void {
  const { security, externalDocs, example, examples = {} } = options;
  if (security !== undefined) checkRequirements(security, fault);
  if (externalDocs !== undefined) checkExternalDocs(externalDocs, fault);
  if (example !== undefined && options.examples !== undefined)
    throw fault(`either example or examples, not both; example is ${describeValue(example)}`);
  for (const [name, one] of Object.entries(examples))
    checkOptions(one, EXAMPLE, (reason) => fault(`examples.${name}: ${reason}`));
}
