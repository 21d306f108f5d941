// The head of a request as it has arrived, with those of its fields that the server itself reads. They are
// found while the fields arrive, so no field is looked up when the request is served.
import type { SharedWork } from '../scope.js';

/** Milliseconds that a caller may announce in `x-request-deadline`. */
const REMAINING = /^\d{1,9}$/;

export class RequestHead {
  /** The method as sent, which is upper case for all known methods. */
  readonly method: string;
  readonly path: string;
  /** The query without the `?`; an empty string when there is none. */
  readonly query: string;
  /** A service in this process sent the request. It may reach `internal` routes. */
  readonly inProcess: boolean;
  /** A call by gRPC: `path` names its method, which requests of HTTP do not find. */
  isRpc = false;
  /** See `Scope.callDepth`. */
  callDepth = 0;
  /** See `Scope.sharedWork`. */
  sharedWork: SharedWork | undefined;
  /** A flat list: name, value, name, value… Names are in lower case, repeated fields are kept. */
  readonly headers: string[] = [];
  /** Announced bytes of the body; -1 without Content-Length. */
  contentLength = -1;
  isChunked = false;
  /** `x-request-id`, as sent. */
  requestId: string | undefined;
  traceparent: string | undefined;
  /** The shortest time of `x-request-deadline`, which only peers and trusted proxies may send. */
  remainingMs = Number.POSITIVE_INFINITY;
  /** Milliseconds that the client allows for this request. Any client may shorten the time of its own. */
  ownTimeoutMs = Number.POSITIVE_INFINITY;

  constructor(method: string, path: string, query: string, inProcess: boolean) {
    this.method = method;
    this.path = path;
    this.query = query;
    this.inProcess = inProcess;
  }

  /** Call when the framing of the body is doubtful: nothing is to be read for a body. */
  forgetBody(): void {
    this.contentLength = -1;
    this.isChunked = false;
  }

  /** Adds a field. The length of a name rules out nearly all comparisons. @param name in lower case */
  add(name: string, value: string): void {
    this.headers.push(name, value);
    switch (name.length) {
      case 11:
        if (name === 'traceparent') this.traceparent = value;
        break;
      case 12:
        if (name === 'x-request-id') this.requestId = value;
        break;
      case 18:
        // Any other value than a whole number has no effect.
        if (name === 'x-request-deadline' && REMAINING.test(value))
          this.remainingMs = Math.min(this.remainingMs, Number(value));
        break;
    }
  }
}
