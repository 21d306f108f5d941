// What grpc-js does with a call before its handler gets it. The library has no public way to change that, so
// this uses private fields; package.json allows only versions of the library that have them.
import type { Http2Session, IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { Server } from '@grpc/grpc-js';

/** A handler as the library keeps it. */
interface Registered {
  readonly path: string;
}

interface Http2Server {
  on(event: 'session', listener: (session: Http2Session) => void): unknown;
  on(event: 'secureConnection', listener: (socket: Socket) => void): unknown;
  prependListener(event: 'stream', listener: (stream: object, headers: IncomingHttpHeaders) => void): unknown;
}

interface Internals {
  readonly commonServerOptions?: { maxHeaderListPairs?: number };
  readonly handlers?: Map<string, Registered>;
  readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
}

/** The library has not the private fields that this folder uses. */
export const doesNotFit = (): Error =>
  new Error('this version of @grpc/grpc-js does not fit: install the one of package.json');

/** The paths of the methods that were registered. @throws Error as `catchAll` */
export function handledPaths(server: Server): Iterable<string> {
  const { handlers } = server as unknown as Internals;
  if (!(handlers instanceof Map)) throw doesNotFit();
  return handlers.keys();
}

/**
 * Lets requests have more fields. Node.js would reset those with more than 128, past the metrics and the
 * table of errors. Call before the server has its connection injector.
 * @param most the most fields of a request
 * @throws Error for a version of the library without these fields
 */
export function acceptFields(server: Server, most: number): void {
  const { commonServerOptions } = server as unknown as Internals;
  if (commonServerOptions === undefined) throw doesNotFit();
  commonServerOptions.maxHeaderListPairs = most;
}

/**
 * Gives all calls of methods that are not registered to the handler of one path, which must be registered.
 * @throws Error for a version of the library without these fields
 */
export function catchAll(server: Server, path: string): void {
  const { handlers } = server as unknown as Internals;
  const fallback = handlers?.get(path);
  if (!(handlers instanceof Map) || fallback === undefined) throw doesNotFit();
  handlers.delete(path);
  const find = handlers.get.bind(handlers);
  handlers.get = (called) => find(called) ?? { ...fallback, path: called };
}

/**
 * Calls back with each request before the library reads its head, which may be changed. Call when the server
 * has its connection injector.
 * @throws Error for a version of the library without these fields
 */
export function beforeLibrary(
  server: Server,
  read: (stream: object, headers: IncomingHttpHeaders) => void,
): void {
  for (const one of http2ServersOf(server)) one.prependListener('stream', read);
}

/**
 * Calls back when the TLS handshake of a connection is done. Call when the server has its connection
 * injector.
 * @throws Error for a version of the library without these fields
 */
export function whenSecure(server: Server, done: (socket: Socket) => void): void {
  for (const one of http2ServersOf(server)) one.on('secureConnection', done);
}

/**
 * Calls back with each session when it begins. Call when the server has its connection injector.
 * @throws Error for a version of the library without these fields
 */
export function whenSessionBegins(server: Server, begun: (session: Http2Session) => void): void {
  for (const one of http2ServersOf(server)) one.on('session', begun);
}

function http2ServersOf(server: Server): Iterable<Http2Server> {
  const { http2Servers } = server as unknown as Internals;
  if (http2Servers === undefined || http2Servers.size === 0) throw doesNotFit();
  return http2Servers.keys();
}
