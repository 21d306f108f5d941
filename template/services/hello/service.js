import { defineService, Type } from 'multilane';
import { greeting } from './greeting.js';

const Greeting = Type.Object({ greeting: Type.String() });

export const hello = defineService({
  name: 'hello',
  routes(app) {
    // What a handler returns is the answer: an object becomes JSON, here written by its schema.
    app.get('/hello/:name', { response: { 200: Greeting }, summary: 'Says hello' }, (ctx) => ({
      greeting: greeting(ctx.params.name, ctx.query.get('language')),
    }));
  },
});
