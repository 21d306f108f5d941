// A call to a service of this worker: the same pipeline, without a socket.
import type { App } from '../server/app.js';
import { inject } from '../server/inject.js';
import type { Dispatch } from '../upstream/transport.js';

export function dispatchTo(app: App): Dispatch {
  return (_service, { method, path, headers, body, signal }) =>
    inject(app, { method, url: path, headers, body, inProcess: true, signal });
}
