// A call to a service of this worker goes through the same pipeline as a request, without a socket.
import { HttpError } from '../errors.js';
import type { App } from '../server/app.js';
import { inject } from '../server/inject.js';
import { type Dispatch, MAX_RESPONSE_BYTES } from '../upstream/transport.js';

export function inProcessDispatch(app: App): Dispatch {
  return (service, { method, path, headers, body, signal }) =>
    inject(
      app,
      { method, url: path, headers, body, inProcess: true, signal },
      {
        maxBytes: MAX_RESPONSE_BYTES,
        exceeded: () =>
          new HttpError('BAD_UPSTREAM', `The response of service ${service} is larger than is accepted.`),
      },
    );
}
