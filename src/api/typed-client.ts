// The types of `call(service)`: the routes that a definition declares in a chain are those that can be
// called, with their parameters, queries, bodies and responses. At run time it is the client of
// upstream/call.ts.
import type { Static, TSchema } from '@sinclair/typebox';
import type { IsOptional, ParamName, ResponseSchemas, Sendable } from '../server/route-types.js';
import type { CallOptions, CallResponse, ServiceClient, StreamedCallResponse } from '../upstream/call.js';

/** The client of a service with these routes; with unknown routes the untyped one. */
export type ClientOf<Routes> = [keyof Routes] extends [never] ? ServiceClient : TypedClient<Routes>;

/** Calls of a service whose routes are known. `request` is not typed, so it reaches every path. */
export interface TypedClient<Routes> extends Pick<ServiceClient, 'grpc' | 'request'> {
  readonly get: TypedMethod<Routes, 'GET'>;
  readonly post: TypedMethod<Routes, 'POST'>;
  readonly put: TypedMethod<Routes, 'PUT'>;
  readonly patch: TypedMethod<Routes, 'PATCH'>;
  readonly delete: TypedMethod<Routes, 'DELETE'>;
}

/** Calls of one method. The path is that of the route as declared, and `params` are its parameters. */
export type TypedMethod<Routes, Method extends string> = <
  Path extends RoutePath<keyof Routes, Method>,
  Stream extends boolean = false,
>(
  path: Path,
  ...options: OptionsOf<RouteAt<Routes, Method, Path>, Path, Stream>
) => Promise<Stream extends true ? StreamedCallResponse : ResponseOf<RouteAt<Routes, Method, Path>>>;

/** The paths of the routes with this method. */
type RoutePath<Key, Method extends string> = Key extends `${Method} ${infer Path}` ? Path : never;

type RouteAt<Routes, Method extends string, Path extends string> = Routes[`${Method} ${Path}` & keyof Routes];

type IsUnion<T, All = T> = T extends unknown ? ([All] extends [T] ? false : true) : never;

/**
 * The options are needed where the route has a parameter, or a schema that refuses a request without them. A
 * path that no route has stands for all paths here; the compiler is to report it, and no missing options.
 */
type OptionsOf<Route, Path extends string, Stream extends boolean> = true extends
  | IsUnion<Path>
  | (Record<never, never> extends TypedCallOptions<Route, Path> ? true : false)
  ? [options?: TypedCallOptions<Route, Path, Stream>]
  : [options: TypedCallOptions<Route, Path, Stream>];

/** The options of a call of this route. */
export type TypedCallOptions<Route, Path extends string, Stream extends boolean = false> = Omit<
  CallOptions,
  'params' | 'query' | 'headers' | 'json' | 'body' | 'stream'
> & { readonly stream?: Stream } & ParamsOption<Route, Path> &
  QueryOption<Route> &
  HeadersOption<Route> &
  BodyOption<Route>;

type PathValue = string | number | bigint;

type ParamsOption<Route, Path extends string> = [ParamName<Path>] extends [never]
  ? { readonly params?: Readonly<Record<never, never>> }
  : { readonly params: { readonly [Name in ParamName<Path>]: ParamValue<Route, Name> } };

type ParamValue<Route, Name extends string> = Route extends { readonly params: infer S extends TSchema }
  ? Name extends keyof Static<S>
    ? Static<S>[Name] extends PathValue
      ? Static<S>[Name]
      : PathValue
    : PathValue
  : PathValue;

/** Members that may be absent may also be undefined, in every project. */
type OrUndefined<T> = { readonly [K in keyof T]: T[K] | (IsOptional<T, K> extends true ? undefined : never) };

type QueryOption<Route> = Route extends { readonly query: infer S extends TSchema }
  ? Record<never, never> extends Static<S>
    ? { readonly query?: QueryOf<Static<S>> | undefined }
    : { readonly query: QueryOf<Static<S>> }
  : Pick<CallOptions, 'query'>;

/** A query with lists has no form as an object: it is sent as pairs. */
type QueryOf<T> =
  T extends Readonly<Partial<Record<keyof T, string | number | boolean | bigint | undefined>>>
    ? OrUndefined<T>
    : NonNullable<CallOptions['query']>;

type HeadersOption<Route> = Route extends { readonly headers: infer S extends TSchema }
  ? Record<never, never> extends Static<S>
    ? Pick<CallOptions, 'headers'>
    : { readonly headers: FieldsOf<Static<S>> }
  : Pick<CallOptions, 'headers'>;

type FieldsOf<T> = {
  readonly [K in keyof T]: IsOptional<T, K> extends true ? string | undefined : string;
} & {
  readonly [name: string]: string | undefined;
};

type BodyOption<Route> = Route extends { readonly bodyType: 'form' }
  ? Pick<CallOptions, 'json' | 'body'>
  : Route extends { readonly body: infer S extends TSchema }
    ? { readonly json: Sendable<Static<S>> }
    : Pick<CallOptions, 'json' | 'body'>;

/** A response with one of these statuses. */
export interface TypedCallResponse<Status extends number, Body>
  extends Omit<CallResponse, 'status' | 'json'> {
  readonly status: Status;
  /** @throws HttpError BAD_UPSTREAM when the body is not JSON */
  json(): Body;
}

/** What a route responds: a union by `status`. Statuses that it does not declare have an unknown body. */
type ResponseOf<Route> = Route extends { readonly response: infer Responses extends ResponseSchemas }
  ?
      | {
          [Status in keyof Responses & number]: TypedCallResponse<Status, Static<Responses[Status]>>;
        }[keyof Responses & number]
      | TypedCallResponse<Exclude<AnyStatus, keyof Responses>, unknown>
  : CallResponse;

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

type NumberIn<Text extends string> = Text extends `${infer N extends number}` ? N : never;

/** Every status that a response can have, 200 to 599: handlers may send others than those with a name. */
type AnyStatus = NumberIn<`${2 | 3 | 4 | 5}${Digit}${Digit}`>;
