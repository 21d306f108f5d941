// What the OpenAPI document says beside the routes.
import type { OpenApiOptions } from '../../openapi-options.js';

export interface ApiInfo extends OpenApiOptions {
  readonly title: string;
  readonly version: string;
  /** A limit applies to all routes: the setting RATE_LIMIT. @default false */
  readonly isRateLimited?: boolean;
}
