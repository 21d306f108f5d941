// Cross-origin resource sharing (Fetch standard, "HTTP extensions"): which pages of other origins may read
// responses. It does not keep them from sending requests; csrfGuard does.
import { ANYTHING, checkOptions, type OptionKind, SWITCH, shapeOf, typeErrorFor } from '../../options.js';
import type { Context } from '../handler.js';
import { alsoOnRefusals } from '../refusal-fields.js';
import { originSet } from './origin-list.js';

/** The options of `cors`. */
export interface CorsOptions {
  /** The origins whose pages may read responses, such as `https://app.example.org`; `'*'` for all. */
  readonly origins: '*' | readonly string[];
  /**
   * Requests may carry cookies and other credentials. Not allowed with `'*'`.
   * @default false
   */
  readonly credentials?: boolean;
  /** @default GET, HEAD, POST, PUT, PATCH, DELETE */
  readonly methods?: readonly string[];
  /**
   * Request fields that pages may set, beyond those that are always allowed.
   * @default content-type, authorization, idempotency-key
   */
  readonly headers?: readonly string[];
  /**
   * Response fields that pages may read.
   * @default x-request-id, location, link, retry-after
   */
  readonly exposedHeaders?: readonly string[];
  /**
   * Seconds for which a browser may cache the result of a preflight.
   * @default 600
   */
  readonly maxAgeSeconds?: number;
}

const NAMES: OptionKind = {
  text: 'a list of texts',
  is: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
};
const OPTIONS = shapeOf<CorsOptions>(
  "{ origins: ['https://app.example.org'] }",
  {
    origins: ANYTHING,
    credentials: SWITCH,
    methods: NAMES,
    headers: NAMES,
    exposedHeaders: NAMES,
    maxAgeSeconds: { text: 'a number of seconds', is: (value) => typeof value === 'number' && value >= 0 },
  },
  ['origins'],
);

const ALWAYS = { always: true };

/**
 * An `onRequest` hook whose headers are also added to early refusals. Declare it before authentication:
 * preflights carry no credentials.
 * @throws TypeError for unknown options, invalid origins, and credentials with `'*'`
 * @example
 * app.hook('onRequest', cors({ origins: ['https://app.example.org'], credentials: true }));
 * app.hook('onRequest', authenticate);
 */
export function cors(options: CorsOptions): (ctx: Context) => unknown {
  checkOptions(options, OPTIONS, typeErrorFor('cors'));
  const { origins, credentials = false, maxAgeSeconds = 600 } = options;
  if (origins === '*' && credentials) throw new TypeError('cors: credentials need a list of origins');
  const listed = origins === '*' ? undefined : originSet('cors', origins);
  const methods = (options.methods ?? ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).join(', ');
  const headers = (options.headers ?? ['content-type', 'authorization', 'idempotency-key']).join(', ');
  const exposed = (options.exposedHeaders ?? ['x-request-id', 'location', 'link', 'retry-after']).join(', ');

  const isPreflight = (ctx: Context): boolean =>
    ctx.method === 'OPTIONS' && ctx.headers.has('access-control-request-method');
  const addFields = (ctx: Context): void => {
    // The fields of the response depend on the origin of the request.
    if (listed !== undefined) ctx.header('vary', 'origin', ALWAYS);
    const origin = ctx.headers.get('origin');
    const isAllowed = origin !== undefined && (listed === undefined || listed.has(origin));
    if (isAllowed) {
      ctx.header('access-control-allow-origin', listed === undefined ? '*' : origin, ALWAYS);
      if (credentials) ctx.header('access-control-allow-credentials', 'true', ALWAYS);
      if (isPreflight(ctx)) {
        ctx.header('access-control-allow-methods', methods);
        ctx.header('access-control-allow-headers', headers);
        ctx.header('access-control-max-age', String(maxAgeSeconds));
      } else if (exposed !== '') {
        ctx.header('access-control-expose-headers', exposed, ALWAYS);
      }
    }
  };
  const hook = (ctx: Context): unknown => {
    addFields(ctx);
    // A preflight ends here also when it is denied: later hooks and handlers are for requests only.
    return isPreflight(ctx) ? ctx.status(204).text('') : undefined;
  };
  return alsoOnRefusals(hook, addFields);
}
