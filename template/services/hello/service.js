import { defineService, Type } from 'multilane';
import { greeting } from './greeting.js';

const Greeting = Type.Object({ greeting: Type.String() });

export const hello = defineService({
  name: 'hello',
  routes(app) {
    // The value that a handler returns is the response: an object becomes JSON, here by the schema of the
    // response.
    app.get('/hello/:name', { response: { 200: Greeting }, summary: 'A greeting' }, (ctx) => ({
      greeting: greeting(ctx.params.name, ctx.query.get('language')),
    }));
  },
});
