// Exchanges in which client and application take turns: a server that keeps a request or a response until it
// is whole does not get through them.
import { LEAVING } from './leaving-exchanges.js';
import type { Peer } from './peer.js';
import type { Exchange, Stage } from './stage.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** A stream of a text, of another one behind the cue, and of its end. */
const onCue = (stage: Stage, then: (controller: ReadableStreamDefaultController<Uint8Array>) => void) =>
  new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(encode('first'));
      await stage.cue;
      then(controller);
    },
  });

/** Sends the first piece of a body, and the second one once the application has seen the first. */
const inTurns =
  (headers: Readonly<Record<string, string>>) =>
  async (peer: Peer): Promise<unknown> => {
    const asked = peer.ask('POST', headers);
    asked.send('first');
    const seen = await peer.seen();
    asked.send(' second');
    asked.end();
    return [seen, await asked.status(), await asked.rest()];
  };
/** Sends each piece once the piece before it has come back. */
const echoing =
  (headers: Readonly<Record<string, string>>) =>
  async (peer: Peer): Promise<unknown> => {
    const asked = peer.ask('POST', headers);
    const back: string[] = [];
    for (const piece of ['one', 'two', 'six']) {
      asked.send(piece);
      back.push(await asked.read(piece.length));
    }
    asked.end();
    return [back, await asked.rest()];
  };
const CHUNKED = { 'transfer-encoding': 'chunked' };
const NINE = { 'content-length': '9' };

const streams: readonly Exchange[] = [
  {
    name: 'a piece of a response arrives before the next one is made',
    application: (_request, stage) =>
      new Response(
        onCue(stage, (controller) => {
          controller.enqueue(encode(' second'));
          controller.close();
        }),
      ),
    client: async (peer) => {
      const asked = peer.ask('GET');
      const first = await asked.read('first'.length);
      await peer.giveCue();
      return [first, await asked.rest()];
    },
  },
  {
    name: 'the header of a response arrives before its body is made',
    application: (_request, stage) =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            stage.note('pulled');
            await stage.cue;
            controller.enqueue(encode('body'));
            controller.close();
          },
        }),
      ),
    client: async (peer) => {
      const asked = peer.ask('GET');
      // Each of these takes a whole exchange with the same thread.
      for (let times = 0; times < 5; times++) await peer.seen();
      const { hasHeader } = asked;
      await peer.giveCue();
      return [hasHeader, await asked.status(), await asked.rest()];
    },
    differs: {
      because: 'The header of a stream is sent with its first piece on the core `uws`.',
      core: 'uws',
      ours: [false, 200, 'body'],
    },
  },
  {
    name: 'a stream that fails before its first piece',
    application: () => new Response(new ReadableStream({ pull: () => Promise.reject(new Error('no')) })),
    client: (peer) =>
      peer
        .ask('GET')
        .rest()
        .then(Boolean, () => 'interrupted'),
  },
  ...Object.entries({ 'in chunks': CHUNKED, 'with a length': { 'content-length': '12' } }).map(
    ([how, headers]): Exchange => ({
      name: `a piece of a body ${how} is read before the next one is sent`,
      application: async (request, stage) => {
        let text = '';
        for await (const piece of request.body!) {
          text += decode(piece);
          stage.note(text);
        }
        return new Response(text);
      },
      client: inTurns(headers),
    }),
  ),
  ...Object.entries({ 'in chunks': CHUNKED, 'with a length': NINE }).map(
    ([how, headers]): Exchange => ({
      name: `a body ${how} comes back piece by piece`,
      application: (request) => new Response(request.body!.pipeThrough(new TransformStream())),
      client: echoing(headers),
    }),
  ),
  {
    name: 'a response without an end is read as far as the client wants',
    application: (_request, stage) =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(10_000).fill(97)),
          cancel: () => stage.note('cancelled'),
        }),
      ),
    client: async (peer) => {
      const asked = peer.ask('GET');
      const { length } = await asked.read(1_000_000);
      asked.leave();
      return [length, await peer.seen()];
    },
  },
  {
    name: 'a response comes before the end of the body, which is not read',
    application: () => new Response('early', { status: 422 }),
    client: async (peer) => {
      const asked = peer.ask('POST', CHUNKED);
      asked.send('first');
      return [await asked.status(), await asked.read('early'.length)];
    },
  },
  {
    name: 'a stream that fails ends its response too early',
    application: (_request, stage) =>
      new Response(onCue(stage, (controller) => controller.error(new Error('no')))),
    client: async (peer) => {
      const asked = peer.ask('GET');
      const first = await asked.read('first'.length);
      await peer.giveCue();
      return [first, await asked.rest().catch((error: NodeJS.ErrnoException) => error.code)];
    },
  },
];

export const EXCHANGES: readonly Exchange[] = [...streams, ...LEAVING];
