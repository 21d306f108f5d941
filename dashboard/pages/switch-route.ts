// Switching a route on or off, after a question.
import { command } from '../core/api.js';
import { act, ask, REASON, reasonIn } from '../core/ask.js';

export async function switchRoute(
  { method, route }: { readonly method: string; readonly route: string },
  state: 'on' | 'off',
): Promise<void> {
  const name = `${method} ${route}`;
  const values = await ask({
    title: state === 'off' ? `Switch off ${name}?` : `Switch on ${name}?`,
    text:
      state === 'off'
        ? 'Every worker refuses its requests with 503 from the next request on.'
        : 'Every worker serves it again from the next request on.',
    confirm: state === 'off' ? 'Switch off' : 'Switch on',
    isDangerous: state === 'off',
    fields: [REASON],
  });
  if (values === null) return;
  await act(`${name} is ${state}.`, () =>
    command('PUT', '/switches/routes', { method, route, state, ...reasonIn(values) }),
  );
}
