// The types of a route that follow from its declaration: its parameters from its path, its response from its
// schemas, and its entry among the routes of the service. They exist for the compiler only.
import type { Static, TSchema } from '@sinclair/typebox';

type SegmentParam<Segment extends string> = string extends Segment
  ? string
  : Segment extends '*'
    ? '*'
    : Segment extends `:${infer Name}(${string}`
      ? Name
      : Segment extends `:${infer Name}`
        ? Name
        : never;

/** The names of the parameters of a path; that of a wildcard is `*`. */
export type ParamName<Path extends string> = Path extends `${infer Segment}/${infer Rest}`
  ? SegmentParam<Segment> | ParamName<Rest>
  : SegmentParam<Path>;

/**
 * The path parameters of a route, by the names in its path. A path that is not known while compiling may have
 * any.
 * @example const params: PathParams<'/orders/:id(\\d+)/files/*'> = { id: '7', '*': 'a/b.txt' };
 */
export type PathParams<Path extends string> = { readonly [Name in ParamName<Path>]: string };

/** The prefix of a group of which nothing is known: functions that take an `Application` take that of any. */
// biome-ignore lint/suspicious/noExplicitAny: `string` would not admit groups, since the prefix is invariant
export type AnyPrefix = any; // oxlint-disable-line typescript/no-explicit-any

/**
 * The path of a route with the prefix of its group, in which `/` is the prefix itself. A prefix of the type
 * `any` is not known, and left out: the handlers below it know the parameters of their own paths.
 */
export type JoinedPath<Prefix extends string, Path extends string> = unknown extends Prefix
  ? Path
  : Prefix extends ''
    ? Path
    : Path extends '/'
      ? Prefix
      : `${Prefix}${Path}`;

/** The prefix of a group in a group. Text that is not known while compiling may have any parameters. */
export type JoinedPrefix<Outer extends string, Inner extends string> = string extends Inner
  ? `/${string}`
  : JoinedPath<Outer, Inner>;

/** Whether a member may be absent. */
export type IsOptional<T, K extends keyof T> = Record<never, never> extends Pick<T, K> ? true : false;

/** The response schemas of a route by status. */
export type ResponseSchemas = Readonly<Record<number, TSchema>>;

/**
 * The values whose JSON form is a `T`: where it has a text, a `Date` is written as one, and members that may
 * be absent may be undefined.
 */
export type Sendable<T> = T extends string
  ? string extends T
    ? string | Date
    : T
  : T extends readonly unknown[]
    ? { readonly [K in keyof T]: Sendable<T[K]> }
    : T extends object
      ? { readonly [K in keyof T]: Sendable<T[K]> | (IsOptional<T, K> extends true ? undefined : never) }
      : T;

/**
 * What a handler returns when its route declares these responses: a value of one of them, for 204 undefined.
 * Without a schema, or with that of 204 alone, any value.
 */
export type DeclaredBody<Responses> = Responses extends ResponseSchemas
  ? [Exclude<keyof Responses, 204>] extends [never]
    ? unknown
    : SchemaBody<Responses[Exclude<keyof Responses, 204>]> | (204 extends keyof Responses ? Nothing : never)
  : unknown;

type SchemaBody<Schema> = Schema extends TSchema ? Sendable<Static<Schema>> : never;

/** What a function returns that simply ends. */
// biome-ignore lint/suspicious/noConfusingVoidType: undefined would not admit such functions
export type Nothing = void;

/** The members of route options that concern callers. */
type CallerMember = 'params' | 'query' | 'headers' | 'body' | 'bodyType' | 'response';

/** What callers have to know of a route: its schemas. */
export type RouteSchemas<Options> = {
  readonly [K in keyof Options as K extends CallerMember ? K : never]: Options[K];
};

/** The type that a `params` schema has to have whose names are not all in the path: the message about it. */
export type NotInPath<Path extends string, Name> = Name extends string
  ? `the path ${Path} has no parameter ${Name}`
  : never;

/** The names of a `params` schema that the path does not have. A schema of any names has none. */
type UnknownParams<Schema extends TSchema, Path extends string> = string extends keyof Static<Schema>
  ? never
  : Exclude<keyof Static<Schema>, ParamName<Path>>;

/** Refuses a `params` schema with a name that the path does not have: no request would match it. */
export type CheckedParams<Options, Prefix extends string, Path extends string> = unknown extends Prefix
  ? unknown
  : Options extends { readonly params: infer Schema extends TSchema }
    ? [UnknownParams<Schema, JoinedPath<Prefix, Path>>] extends [never]
      ? unknown
      : {
          readonly params: NotInPath<
            JoinedPath<Prefix, Path>,
            UnknownParams<Schema, JoinedPath<Prefix, Path>>
          >;
        }
    : unknown;

/** Whether text is known while compiling. */
type IsKnown<Text extends string> = Record<never, never> extends Record<Text, true> ? false : true;

/**
 * One route in the type of an application, under its method and path: `GET /orders/:id`. A path that is not
 * known while compiling has none.
 */
export type RouteEntry<Method extends string, Path extends string, Options> =
  IsKnown<Path> extends true ? { readonly [Key in `${Method} ${Path}`]: RouteSchemas<Options> } : unknown;

/** The routes of a group, with its prefix. */
export type PrefixedRoutes<Prefix extends string, Routes> =
  IsKnown<Prefix> extends true
    ? {
        readonly [Key in keyof Routes as Key extends `${infer Method} ${infer Path}`
          ? `${Method} ${JoinedPath<Prefix, Path>}`
          : never]: Routes[Key];
      }
    : unknown;
