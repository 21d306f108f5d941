// One line in the log for each request that changes something: which client has made it, what it was, what it
// was about and how it ended. Every route gets it from here, so no route can forget it.
import type { Logger } from 'pino';
import { HttpError } from '../errors.js';
import { AUDIT_LOG } from '../telemetry/log-keys.js';
import type { AdminRequest, AdminResponse, AdminRoute } from './admin-route.js';
import type { SwitchChange } from './operator-value.js';

export class OperatorAudit {
  readonly #log: Logger;
  /** Writes lines of level `warn` whatever the level is now. */
  readonly #always: Logger;

  constructor(log: Logger) {
    this.#log = log;
    this.#always = log.child({ logger: AUDIT_LOG }, { level: 'warn' });
  }

  /** Runs the handler of a route, and logs the request when it changes something. */
  async run(route: AdminRoute, request: AdminRequest): Promise<AdminResponse> {
    if (!isChange(route)) return await route.handler(request);
    // The request may itself be the one that switches the level.
    const wasShown = this.#isShown();
    const ended = (status: number, code?: string, change?: SwitchChange): void => {
      if (!wasShown && !this.#isShown()) return;
      const { params: on, remoteAddress: address, requestId } = request;
      const action = `${route.method} ${route.path}`;
      this.#always.warn(
        { action, on, ...change, address, status, code, request_id: requestId },
        'action of an operator',
      );
    };
    try {
      const response = await route.handler(request);
      ended(response.status, undefined, response.change);
      return response;
    } catch (error) {
      const { status, code } = error instanceof HttpError ? error : { status: 500, code: 'INTERNAL' };
      ended(status, code);
      throw error;
    }
  }

  #isShown(): boolean {
    return this.#log.isLevelEnabled('warn');
  }
}

const isChange = ({ method, access = 'operator', isAction }: AdminRoute): boolean =>
  isAction ?? (method !== 'GET' && access === 'operator');
