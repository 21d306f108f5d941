// Recognizes code that is written for Node.js's own interface `(req, res, next)`, as for Express: such a
// function would be called with a Request or a context, and every request would fail in it.

/**
 * A function whose second parameter is a response, by its text. A handler `(request, env, ctx)` of the fetch
 * standard has as many parameters, so their number says nothing.
 */
const TAKES_RESPONSE =
  /^(?:async\s*)?(?:function\b\s*)?[\w$]*\s*\(\s*[\w$]+\s*,\s*_?(?:res|response|reply)\s*[,)]/;
/** This is enough of a function's text for its parameters. */
const MOST_CHARACTERS = 200;

/** Whether a value is an application or a router of Express or Connect, which are functions. */
const isRouter = (value: object): boolean =>
  'handle' in value &&
  typeof value.handle === 'function' &&
  'use' in value &&
  typeof value.use === 'function';

/** Whether a function is called with a response of Node.js as its second parameter. */
export const isNodeStyle = (value: unknown): boolean =>
  typeof value === 'function' &&
  (isRouter(value) || TAKES_RESPONSE.test(Function.prototype.toString.call(value).slice(0, MOST_CHARACTERS)));

/** What to do with an application that cannot be mounted. @param page of the documentation that moves one */
const moveIt = (page: string): string =>
  `declare its routes by app.get(path, (ctx) => value) as ${page} shows, or keep it as a process of its own ` +
  'behind the gateway (docs/gateway.md)';

const hasMethod = (value: object, name: string): boolean =>
  name in value && typeof (value as Record<string, unknown>)[name] === 'function';

/** The name and the page of an application that listens by itself, by methods that only its framework has. */
function frameworkOf(value: object): readonly [name: string, page: string] {
  if (hasMethod(value, 'getHttpAdapter')) return ['of NestJS', 'docs/from-nestjs.md'];
  if (hasMethod(value, 'decorateRequest')) return ['of Fastify', 'docs/from-fastify.md'];
  return ['that listens by itself', 'docs/from-express.md'];
}

/**
 * Why a value cannot be mounted as an application of the fetch standard, with the next step.
 * @returns undefined for a value that may be one, or whose kind is not known
 */
export function unmountable(value: unknown): string | undefined {
  if (isNodeStyle(value)) {
    const what = isRouter(value as object) ? 'an Express application' : 'a function (req, res)';
    return `${what} takes the request and response objects of Node.js and returns no Response: ${moveIt('docs/from-express.md')}`;
  }
  if (typeof value !== 'object' || value === null || !hasMethod(value, 'listen') || 'fetch' in value)
    return undefined;
  const [framework, page] = frameworkOf(value);
  return `an application ${framework} has no method fetch: ${moveIt(page)}`;
}

/** Why a function cannot be a handler or a hook. @param example of one */
export const notCalledWith = (example: string): string =>
  `its function takes (req, res) as in Express: it is called with one context, such as ${example} ` +
  '(docs/from-express.md)';
