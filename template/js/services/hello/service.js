import { defineService, Type } from 'multilane';
import { greeting } from './greeting.js';
import { countPrimes } from './tasks.js';

const Language = Type.Optional(Type.String({ minLength: 2, maxLength: 2 }));
const Visitor = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }), language: Language });
const Greeting = Type.Object({ greeting: Type.String() });

export const hello = defineService({
  name: 'hello',
  tasks: new URL('./tasks.js', import.meta.url),
  routes(app, { cpu }) {
    // The value that a handler returns is the response: an object becomes JSON, here by the schema of the
    // response. `ctx.input` and `ctx.body` are what the schemas of the route have admitted.
    app.get(
      '/hello/:name',
      {
        params: Type.Object({ name: Type.String({ maxLength: 100 }) }),
        query: Type.Object({ language: Language }),
        response: { 200: Greeting },
        summary: 'A greeting',
      },
      ({ input }) => ({ greeting: greeting(input.params.name, input.query.language) }),
    );

    // A body that does not match its schema is refused with 422 before the handler runs.
    app.post('/hello', { body: Visitor, response: { 201: Greeting }, summary: 'Greets a visitor' }, (ctx) => {
      ctx.status(201);
      return { greeting: greeting(ctx.body.name, ctx.body.language) };
    });

    // Long computations run on the CPU pool; the task ends when its client leaves.
    app.get(
      '/primes/:limit',
      {
        params: Type.Object({ limit: Type.Integer({ minimum: 2, maximum: 50_000_000 }) }),
        response: { 200: Type.Object({ count: Type.Integer() }) },
        summary: 'How many primes there are up to a limit',
      },
      async (ctx) => ({ count: await cpu.run(countPrimes, { limit: ctx.input.params.limit }) }),
    );
  },
});
