// What the OpenAPI document says of the routes that every process has. It is apart from their handlers, which
// the bundle does not contain (scripts/bundle.mjs) and which therefore load no package.
import { Type } from '@sinclair/typebox';
import type { SystemRouteOptions } from './system-routes.js';

const Health = Type.Object({
  status: Type.Literal('healthy'),
  timestamp: Type.String({ format: 'date-time' }),
});
const Ready = Type.Object({ status: Type.Literal('ready') });

/** These routes never ask for credentials, whatever the project declares for the whole API. */
const OPEN = { security: [] };

/** Both responses are written without a schema, whose compiler would delay the start of every process. */
export const SYSTEM_ROUTE_OPTIONS: SystemRouteOptions = {
  health: { summary: 'Is this worker alive?', produces: { 'application/json': Health }, ...OPEN },
  ready: { summary: 'May this process get traffic?', produces: { 'application/json': Ready }, ...OPEN },
};
