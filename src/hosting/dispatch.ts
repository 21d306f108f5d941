// A call to a service of this worker: the same pipeline, without a socket.
import type { App } from '../server/app.js';
import { inject } from '../server/inject.js';
import { BufferedResponse } from '../upstream/response.js';
import type { Dispatch } from '../upstream/transport.js';

export function dispatchTo(app: App): Dispatch {
  return async (_service, { method, path, headers, body, signal }) => {
    const answer = await inject(app, { method, url: path, headers, body, inProcess: true, signal });
    return new BufferedResponse(answer.status, answer.headers, answer.body);
  };
}
