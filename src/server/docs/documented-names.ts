// What routes name in the OpenAPI document has to exist, and to be unique. A mistake there fails while the
// process starts.
import { checkSchemesKnown } from '../../openapi-checks.js';
import type { OpenApiOptions } from '../../openapi-options.js';
import type { RouteInfo } from '../handler.js';

export class DocumentedNames {
  readonly #schemes: OpenApiOptions['securitySchemes'];
  /** Which route has which `operationId`. */
  readonly #operations = new Map<string, string>();

  /** @param openapi the member of the configuration */
  constructor(openapi: OpenApiOptions | false = {}) {
    this.#schemes = openapi === false ? undefined : openapi.securitySchemes;
  }

  /**
   * @throws TypeError for a security scheme that the configuration does not declare, and for an `operationId`
   *   that another route has
   */
  add({ service, method, path, options: { security, operationId } }: RouteInfo): void {
    if (security !== undefined) checkSchemesKnown(security, this.#schemes, (reason) => new TypeError(reason));
    if (operationId === undefined) return;
    const other = this.#operations.get(operationId);
    if (other !== undefined)
      throw new TypeError(`operationId "${operationId}" is that of ${other}: choose another one`);
    this.#operations.set(operationId, `service ${service}, route ${method} ${path}`);
  }
}
