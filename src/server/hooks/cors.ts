// Cross-origin resource sharing (Fetch standard, "HTTP extensions"): which pages of other origins may read
// answers. It keeps nobody from sending a request; that is what csrfGuard is for.
import { ANYTHING, checkOptions, type OptionKind, SWITCH, shapeOf, typeErrorFor } from '../../options.js';
import type { Context } from '../handler.js';
import { alsoOnRefusals } from '../refusal-fields.js';
import { originSet } from './origin-list.js';

export interface CorsOptions {
  /** `'*'`: everybody may read. Otherwise exactly these, e.g. `https://app.example.org`. */
  readonly origins: '*' | readonly string[];
  /** Cookies and the like may be sent along; not with `'*'`. Default false. */
  readonly credentials?: boolean;
  /** Default GET, HEAD, POST, PUT, PATCH, DELETE. */
  readonly methods?: readonly string[];
  /** Request fields beyond the harmless ones. Default content-type, authorization, idempotency-key. */
  readonly headers?: readonly string[];
  /** Response fields that scripts may read. Default x-request-id, location, link, retry-after. */
  readonly exposedHeaders?: readonly string[];
  /** How long a browser may remember the answer to its question. Default 600. */
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
 * An `onRequest` hook whose fields what is refused before it runs gets too; declare it before those that ask
 * who the client is, because a browser asks first, and without credentials.
 * @throws TypeError for options that there are not, origins that are none, and for credentials with `'*'`
 */
export function cors(options: CorsOptions): (ctx: Context) => unknown {
  checkOptions(options, OPTIONS, typeErrorFor('cors'));
  const { origins, credentials = false, maxAgeSeconds = 600 } = options;
  if (origins === '*' && credentials) throw new TypeError('cors: credentials need a list of origins');
  const listed = origins === '*' ? undefined : originSet('cors', origins);
  const methods = (options.methods ?? ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).join(', ');
  const headers = (options.headers ?? ['content-type', 'authorization', 'idempotency-key']).join(', ');
  const exposed = (options.exposedHeaders ?? ['x-request-id', 'location', 'link', 'retry-after']).join(', ');

  const asks = (ctx: Context): boolean =>
    ctx.method === 'OPTIONS' && ctx.headers.has('access-control-request-method');
  const say = (ctx: Context): void => {
    // The same URL has other fields for other origins.
    if (listed !== undefined) ctx.header('vary', 'origin', ALWAYS);
    const origin = ctx.headers.get('origin');
    const isAllowed = origin !== undefined && (listed === undefined || listed.has(origin));
    if (isAllowed) {
      ctx.header('access-control-allow-origin', listed === undefined ? '*' : origin, ALWAYS);
      if (credentials) ctx.header('access-control-allow-credentials', 'true', ALWAYS);
      if (asks(ctx)) {
        ctx.header('access-control-allow-methods', methods);
        ctx.header('access-control-allow-headers', headers);
        ctx.header('access-control-max-age', String(maxAgeSeconds));
      } else if (exposed !== '') {
        ctx.header('access-control-expose-headers', exposed, ALWAYS);
      }
    }
  };
  const hook = (ctx: Context): unknown => {
    say(ctx);
    // Answered also when the answer is no: what comes after this hook is for requests, not for questions.
    return asks(ctx) ? ctx.status(204).text('') : undefined;
  };
  return alsoOnRefusals(hook, say);
}
