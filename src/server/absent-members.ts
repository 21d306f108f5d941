// The functions that an application of Express, Fastify or Hono has, but ours has not: each says what to
// write instead, where otherwise a message such as `app.use is not a function` would end the start.

const ERRORS = "write app.hook('onError', (ctx, error) => …); without it an error becomes a problem document";
const NOT_FOUND = "declare a route that is the last to match: app.get('/*', (ctx) => …)";
const STATE = 'import functions and values; what a hook leaves for handlers is in ctx.state';
const SETTINGS =
  'settings belong into defineConfig({ … }) or the environment, such as trustedProxies (docs/settings.md)';

const INSTEAD = {
  use:
    "a middleware is app.hook('onRequest', (ctx) => …), a router app.group(prefix, (app) => { … }), an " +
    'application of the fetch standard app.mount(prefix, application), and one of Express or Fastify ' +
    'app.mountNode(prefix, application)',
  listen: 'the process listens by itself: set the port by defineConfig({ services, port: 3000 }) or PORT',
  register:
    'a plugin is a function that gets app; routes with a prefix are app.group(prefix, (app) => { … })',
  route: 'write app.get(path, options, handler), app.post …, or app.all for every method',
  head: 'a GET route serves HEAD as well',
  addHook: "write app.hook('onRequest', (ctx) => …)",
  decorate: STATE,
  decorateRequest: STATE,
  set: SETTINGS,
  enable: SETTINGS,
  disable: SETTINGS,
  setErrorHandler: ERRORS,
  onError: ERRORS,
  setNotFoundHandler: NOT_FOUND,
  notFound: NOT_FOUND,
};

/**
 * The prototype of applications.
 * @throws TypeError from each of its functions
 */
export const ABSENT_MEMBERS: object = Object.freeze(
  Object.fromEntries(
    Object.entries(INSTEAD).map(([name, instead]) => [
      name,
      () => {
        throw new TypeError(`there is no app.${name}: ${instead}`);
      },
    ]),
  ),
);
