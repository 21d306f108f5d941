// Exchanges that one side leaves: the client, or the application that wants no more of a body.
import type { Exchange } from './stage.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const leaveAtCue: Exchange['client'] = async (peer) => {
  const asked = peer.ask('GET');
  await peer.cue();
  asked.leave();
  return peer.seen();
};

/** An application that never responds, and notes what the signal of its request has when it aborts. */
const noteAtAbort =
  (read: (signal: AbortSignal) => unknown): Exchange['application'] =>
  (request, stage) => {
    request.signal.addEventListener('abort', () => stage.note(read(request.signal)));
    stage.giveCue();
    return new Promise<Response>(() => {});
  };

export const LEAVING: readonly Exchange[] = [
  {
    name: 'the signal of a request aborts when its client leaves',
    application: noteAtAbort(({ aborted }) => aborted),
    client: leaveAtCue,
  },
  {
    name: 'the reason of the signal says that the client has left',
    application: noteAtAbort(({ reason }) => String(reason)),
    client: leaveAtCue,
    differs: {
      because: 'The reason of an aborted `request.signal` is the error of the runtime.',
      ours: 'HttpError: The client closed the request.',
    },
  },
  {
    name: 'the signal stays as it is when the response is complete',
    application: (request, stage) => {
      stage.note([request.signal.aborted]);
      request.signal.addEventListener('abort', () => stage.giveCue());
      return new Response('x');
    },
    client: async (peer) => {
      const asked = peer.ask('GET');
      const text = await asked.rest();
      return [text, await peer.seen(), await peer.isCueGiven()];
    },
  },
  {
    name: 'a fetch that was given the signal ends when the client leaves',
    application: async (request, stage) => {
      const aborted = new Promise((_, reject) => {
        AbortSignal.any([request.signal]).addEventListener('abort', () => reject(new Error('left')));
      });
      stage.giveCue();
      await aborted.catch((error: Error) => stage.note(error.message));
      return new Response();
    },
    client: leaveAtCue,
  },
  {
    name: 'a stream that waits is cancelled when its client leaves',
    application: (_request, stage) =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(encode('first')),
          pull: () => new Promise(() => {}),
          cancel: () => stage.note('cancelled'),
        }),
      ),
    client: async (peer) => {
      const asked = peer.ask('GET');
      await asked.read('first'.length);
      asked.leave();
      return peer.seen();
    },
  },
  ...Object.entries({
    'its stream': async (request: Request) => {
      for await (const _ of request.body!);
    },
    text: (request: Request) => request.text(),
    'a form': (request: Request) => request.formData(),
  }).map(
    ([what, read]): Exchange => ({
      name: `reading ${what} fails when the client leaves before the end of the body`,
      application: async (request, stage) => {
        stage.giveCue();
        await read(request).then(
          () => stage.note('the end'),
          () => stage.note('failed'),
        );
        return new Response();
      },
      client: async (peer) => {
        const type = { 'content-type': 'application/x-www-form-urlencoded' };
        const asked = peer.ask('POST', { 'content-length': '100', ...type });
        asked.send('a=1');
        await peer.cue();
        asked.leave();
        return peer.seen();
      },
    }),
  ),
  {
    name: 'a body whose client sends nothing is cancelled by the application',
    application: async (request) => {
      const reader = request.body!.getReader();
      const read = reader.read();
      await new Promise((resolve) => setImmediate(resolve));
      await reader.cancel('too slow');
      return Response.json(await read, { status: 422 });
    },
    client: async (peer) => {
      const asked = peer.ask('POST', { 'content-length': '10' });
      return [await asked.status(), await asked.read('{"done":true}'.length)];
    },
  },
  {
    name: 'the stream of a response to HEAD is cancelled',
    application: (_request, stage) =>
      new Response(new ReadableStream({ cancel: () => stage.note('cancelled') })),
    client: async (peer) => {
      const asked = peer.ask('HEAD');
      return [await asked.status(), await asked.rest(), await peer.seen()];
    },
  },
];
