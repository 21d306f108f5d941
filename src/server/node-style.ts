// Recognizes code that is written for Node.js's own interface `(req, res, next)`, as for Express: such a
// function would be called with a Request or a context, and every request would fail in it.

/** What has brackets or commas that are no part of the code: comments, strings, templates. */
const TOKENS = /\/\*.*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|=>|./gs;
const COMMENT = /^\/[*/]/;
/** Texts without a list of parameters: those of bound functions, of functions of Node.js and of classes. */
const LISTLESS = /^class\b|\{\s*\[native code\]\s*\}$/;
/** The name of a parameter in front of its default. */
const NAMED = /^((?:\.\.\.)?[^\s={}[\]]+)\s*=.*$/s;
const RESPONSE = /^_?(?:res|response|reply)$/;

type AnyFunction = (...args: never) => unknown;

export const textOf = (value: AnyFunction): string => Function.prototype.toString.call(value);

/**
 * The parameters of a function, as its text has them: a name, `...name`, or a pattern. Defaults are omitted.
 * Unlike `length`, this counts those that have one.
 * @returns undefined where the text does not show them, as that of a bound function
 */
export function parametersOf(value: AnyFunction): readonly string[] | undefined {
  const text = textOf(value);
  if (LISTLESS.test(text)) return undefined;
  const found: string[] = [];
  let name = '';
  let depth = 0;
  for (const [token] of text.matchAll(TOKENS)) {
    if (COMMENT.test(token)) continue;
    // An arrow function with one parameter, without parentheses.
    if (depth === 0 && token === '=>') return [name.replace(/^async\s+(?=\S)/, '').trim()];
    if (depth === 0 && token === '(') name = '';
    else if (depth === 1 && (token === ',' || token === ')')) {
      found.push(name.trim().replace(NAMED, '$1'));
      name = '';
    } else name += token;
    if (token === '(' || token === '[' || token === '{') depth++;
    else if (token === ')' || token === ']' || token === '}') depth--;
    // The last name is empty in an empty list, and behind a comma at its end.
    if (depth === 0 && token === ')') return found.at(-1) === '' ? found.slice(0, -1) : found;
  }
  return undefined;
}

/** Whether a value is an application or a router of Express or Connect, which are functions. */
export const isRouter = (value: object): boolean =>
  'handle' in value &&
  typeof value.handle === 'function' &&
  'use' in value &&
  typeof value.use === 'function';

/**
 * Whether a function is called with a response of Node.js as its second parameter, by the name of that: a
 * handler `(request, env, ctx)` of the fetch standard has as many parameters, so their number says nothing.
 */
export const isNodeStyle = (value: unknown): boolean =>
  typeof value === 'function' &&
  (isRouter(value) || RESPONSE.test(parametersOf(value as AnyFunction)?.[1] ?? ''));

/** What to do with an application of another kind. @param page of the documentation about it */
const mountIt = (application: string, page: string): string =>
  `write app.mountNode(prefix, ${application}), which runs it as it is on the HTTP core of Node.js ` +
  `(HTTP_CORE=node), or move its routes as ${page} shows`;

export const hasMethod = (value: object, name: string): boolean =>
  name in value && typeof (value as Record<string, unknown>)[name] === 'function';

/**
 * The name of an application that listens by itself, what is mounted of it, and the page about it, by methods
 * that only its framework has.
 */
function frameworkOf(value: object): readonly [name: string, mounted: string, page: string] {
  if (hasMethod(value, 'getHttpAdapter'))
    return ['of NestJS', 'app.getHttpAdapter().getInstance()', 'docs/from-nestjs.md'];
  if (hasMethod(value, 'decorateRequest')) return ['of Fastify', 'application', 'docs/from-fastify.md'];
  return ['that listens by itself', 'handler', 'docs/from-express.md'];
}

/**
 * Why a value cannot be mounted as an application of the fetch standard, with the next step.
 * @returns undefined for a value that may be one, or whose kind is not known
 */
export function unmountable(value: unknown): string | undefined {
  if (isNodeStyle(value)) {
    const what = isRouter(value as object) ? 'an Express application' : 'a function (req, res)';
    return `${what} takes the request and response objects of Node.js and returns no Response: ${mountIt('application', 'docs/from-express.md')}`;
  }
  if (typeof value !== 'object' || value === null || !hasMethod(value, 'listen') || 'fetch' in value)
    return undefined;
  const [framework, mounted, page] = frameworkOf(value);
  return `an application ${framework} has no method fetch: ${mountIt(mounted, page)}`;
}

/** Why a function cannot be a handler or a hook. @param example of one */
export const notCalledWith = (example: string): string =>
  `its function takes (req, res) as in Express: it is called with one context, such as ${example} ` +
  '(docs/from-express.md)';
