// A call to a service of this worker: the same pipeline, without a socket.
import type { App } from '#src/server/app.js';
import { inject } from '#src/server/inject.js';
import { BufferedResponse } from '#src/upstream/response.js';
import type { Dispatch } from '#src/upstream/transport.js';

export function dispatchTo(app: App): Dispatch {
  return async (_service, { method, path, headers, body, signal }) => {
    const answer = await inject(app, { method, url: path, headers, body, inProcess: true, signal });
    return new BufferedResponse(answer.status, answer.headers, answer.body);
  };
}
