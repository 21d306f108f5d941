// A call with streamed bodies behaves in the same way whether the service is in this worker or behind a
// socket.
import { PassThrough, Readable } from 'node:stream';
import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import { RequestBodyError } from '#src/request-body-error.js';
import type { StreamedCallResponse } from '#src/upstream/call.js';
import { until } from '#test/support/until.js';
import { PIECE, pieces, STREAM_WAYS, type StreamWay, streamCallee, streamClient } from './stream-callee.js';

const textOf = (response: StreamedCallResponse): Promise<string> => new Response(response.body).text();

/** The error of a call, which may be any value. */
const failureOf = (promise: Promise<unknown>): Promise<HttpError> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as HttpError,
  );

const forever = (): AsyncGenerator<Uint8Array> => pieces(Number.POSITIVE_INFINITY, { pulled: 0, closed: 0 });

for (const [name, open] of Object.entries(STREAM_WAYS)) {
  describe(`a streamed call ${name}`, () => {
    const { app, state } = streamCallee();
    let way: StreamWay;
    let client: ReturnType<typeof streamClient>;
    before(async () => {
      way = await open(app);
    });
    beforeEach(() => {
      client = streamClient(way);
    });
    after(() => way.close());

    /** Nothing is held any more, and the call has this outcome. */
    const expectEnd = async (outcome: string): Promise<void> => {
      await until(
        () => client.counts,
        ({ inFlight, permits }) => inFlight === 0 && permits === 0,
      );
      expect(client.outcomes).to.deep.equal([outcome]);
    };

    describe('with a streamed request', () => {
      const bodies: Readonly<Record<string, () => AsyncIterable<Uint8Array | string> | ReadableStream>> = {
        'a Node.js stream': () => Readable.from([Buffer.from('ab'), Buffer.from('c€')]),
        'a web stream': () => new Blob(['abc€']).stream(),
        'an async generator of texts': async function* () {
          yield 'ab';
          yield '';
          yield 'c€';
        },
        'pieces of one byte': async function* () {
          for (const byte of Buffer.from('abc€')) yield Uint8Array.of(byte);
        },
      };
      it('sends a hundred thousand pieces of one byte, but not each by itself', async () => {
        const body = async function* () {
          for (let i = 0; i < 100_000; i++) yield Uint8Array.of(1);
        };
        expect((await client.demo.post('/size', { body: body() })).json()).to.include({ size: 100_000 });
      });

      for (const [what, make] of Object.entries(bodies)) {
        it(`sends ${what}`, async () => {
          const response = await client.demo.post('/size', { body: make() });
          expect(response.json()).to.deep.equal({ size: 6, length: null });
          await expectEnd('success');
        });
      }

      it('sends an empty source', async () => {
        const response = await client.demo.post('/size', { body: Readable.from([]) });
        expect(response.json()).to.include({ size: 0 });
      });

      it('sends the length that the caller announces', async () => {
        const headers = { 'content-length': '6' };
        const response = await client.demo.post('/size', { body: bodies['a Node.js stream']!(), headers });
        expect(response.json()).to.deep.equal({ size: 6, length: '6' });
      });

      for (const [length, found] of [
        ['5', 'more'],
        ['7', 'only 6'],
      ] as const) {
        it(`fails when the announced length is ${length}, and the body has 6 bytes`, async () => {
          const headers = { 'content-length': length };
          const error = await failureOf(
            client.demo.post('/size', { body: Readable.from(['abc', 'def']), headers }),
          );
          expect(error).to.be.instanceOf(RequestBodyError).with.property('code', 'INTERNAL');
          expect(error.message).to.include(found);
          await expectEnd('ignored');
        });
      }

      it('fails with the error of its source, which counts for no instance and is not repeated', async () => {
        const before = state.requests;
        const cause = new Error('the disk is gone');
        const source = async function* () {
          yield PIECE;
          throw cause;
        };
        const error = await failureOf(client.demo.put('/size', { body: source() }));
        expect(error).to.be.instanceOf(RequestBodyError).with.property('cause', cause);
        await expectEnd('ignored');
        expect(state.requests - before).to.be.at.most(1);
      });

      it('fails when its source yields what is no bytes', async () => {
        const values = ['a', { a: 1 }];
        const source = new ReadableStream({ pull: (controller) => controller.enqueue(values.shift()) });
        const error = await failureOf(client.demo.post('/size', { body: source }));
        expect(error).to.be.instanceOf(RequestBodyError);
        expect(error.cause).to.be.instanceOf(TypeError);
        await expectEnd('ignored');
      });

      it('reads no more of the source than the service takes', async () => {
        const seen = { pulled: 0, closed: 0 };
        const controller = new AbortController();
        const { signal } = controller;
        const body = pieces(Number.POSITIVE_INFINITY, seen);
        const failing = failureOf(client.demo.post('/never', { body, signal }));
        const counted: number[] = [];
        await until(
          () => counted.push(seen.pulled),
          () => counted.at(-1) === counted.at(-20),
        );
        expect(seen.pulled * PIECE.length).to.be.below(64 * 1024 * 1024);
        controller.abort('enough');
        expect(await failing).to.equal('enough');
        // A source of which nothing was read has nothing to release.
        await until(
          () => seen.closed,
          (closed) => closed === Math.min(1, seen.pulled),
        );
        await expectEnd('ignored');
      });

      it('releases the source when the service responds before its end', async () => {
        const seen = { pulled: 0, closed: 0 };
        const body = new Readable({ read() {} });
        body.push('a');
        const response = await client.demo.post('/early', { body });
        expect(response.json()).to.deep.equal({ early: true });
        await until(
          () => body.destroyed,
          (destroyed) => destroyed,
        );
        expect(seen.pulled).to.equal(0);
        await expectEnd('success');
      });

      it('gets the response of a service that refuses a long body', async () => {
        const response = await client.demo.post('/short', { body: Readable.from(['x'.repeat(100)]) });
        expect(response.status).to.equal(413);
        await expectEnd('success');
      });

      it('calls no instance before the source has yielded something', async () => {
        const body = new Readable({ read() {} });
        const error = await failureOf(client.demo.post('/size', { body, timeoutMs: 50 }));
        expect(error.code).to.equal('DEADLINE_EXCEEDED');
        expect(body.destroyed).to.equal(true);
        expect([client.outcomes, client.counts.inFlight]).to.deep.equal([[], 0]);
      });

      it('ends at its deadline when the source never ends, and destroys it', async () => {
        const body = new Readable({ read() {} });
        body.push('a');
        const error = await failureOf(client.demo.post('/size', { body, timeoutMs: 50 }));
        expect(error.code).to.equal('DEADLINE_EXCEEDED');
        expect(body.destroyed).to.equal(true);
        await expectEnd('ignored');
      });

      it('fails when the source yields nothing for too long', async () => {
        client = streamClient(way, 50);
        const body = new Readable({ read() {} });
        body.push('a');
        const error = await failureOf(client.demo.post('/size', { body }));
        expect(error).to.be.instanceOf(RequestBodyError).with.property('code', 'INTERNAL');
        expect(body.destroyed).to.equal(true);
        await expectEnd('ignored');
      });
    });

    describe('with a streamed response', () => {
      const options = { stream: true, maxConcurrent: 1 } as const;

      it('has the head before the body, and holds what it holds until the body has ended', async () => {
        const response = await client.demo.get('/pieces/40', options);
        expect(response.status).to.equal(200);
        expect(response.headers['x-name']).to.equal('café €');
        expect(response.headers['content-type']).to.equal('text/plain');
        expect(Date.parse(response.headers.date!)).to.be.closeTo(Date.now(), 5_000);
        expect(client.counts).to.deep.equal({ inFlight: 1, permits: 1 });
        expect(client.outcomes).to.deep.equal([]);
        expect((await textOf(response)).length).to.equal(40 * PIECE.length);
        await expectEnd('success');
      });

      it('has the fields of a whole response', async () => {
        const { headers: whole } = await client.demo.get('/text/abc');
        const { headers } = await client.demo.get('/text/abc', options);
        expect(Object.keys(headers).toSorted()).to.deep.equal(Object.keys(whole).toSorted());
        expect(headers['content-length']).to.equal('3');
      });

      it('is received no faster than it is read, and released when the reader cancels it', async () => {
        const closed = state.closed;
        const { body } = await client.demo.get('/pieces/1000000', options);
        const counted: number[] = [];
        await until(
          () => counted.push(state.pulled),
          () => counted.at(-1) === counted.at(-20),
        );
        const reader = body.getReader();
        expect((await reader.read()).value!.length).to.be.above(0);
        await reader.cancel('enough');
        await until(
          () => state.closed - closed,
          (count) => count === 1,
        );
        await expectEnd('success');
      });

      it('is ended when the caller never reads it', async () => {
        client = streamClient(way, 50);
        const response = await client.demo.get('/pieces/1000000', options);
        await expectEnd('success');
        expect((await failureOf(textOf(response))).code).to.equal('INTERNAL');
      });

      it('is ended when the service sends nothing', async () => {
        client = streamClient(way, 1_200);
        const response = await client.demo.get('/silent', options);
        expect((await failureOf(textOf(response))).code).to.equal('BAD_UPSTREAM');
        await expectEnd('failure');
      });

      it('fails when the service cuts its body off, which counts for the instance', async () => {
        const response = await client.demo.get('/broken', options);
        expect(response.status).to.equal(200);
        const failing = failureOf(textOf(response));
        state.break();
        const error = await failing;
        expect([error.code, error.status]).to.deep.equal(['BAD_UPSTREAM', 502]);
        await expectEnd('failure');
        expect(client.reached).to.deep.equal(['failure']);
      });

      it('ends at its deadline, in the middle of the body', async () => {
        const response = await client.demo.get('/silent', { ...options, timeoutMs: 100 });
        expect((await failureOf(textOf(response))).code).to.equal('DEADLINE_EXCEEDED');
        await expectEnd('success');
      });

      it('counts a service as failed that is silent until the deadline', async () => {
        const response = await client.demo.get('/silent', { ...options, timeoutMs: 1_500 });
        expect((await failureOf(textOf(response))).code).to.equal('DEADLINE_EXCEEDED');
        await expectEnd('failure');
      });

      it('ends with the reason of the signal, in the middle of the body', async () => {
        const controller = new AbortController();
        const { signal } = controller;
        const response = await client.demo.get('/silent', { ...options, signal });
        const failing = failureOf(textOf(response));
        controller.abort('left');
        expect(await failing).to.equal('left');
        await expectEnd('success');
      });

      it('is empty where a response has no body', async () => {
        for (const [method, path, status] of [
          ['GET', '/status/204', 204],
          ['GET', '/status/304', 304],
          ['HEAD', '/text/abc', 200],
        ] as const) {
          const response = await client.demo.request(method, path, options);
          expect([response.status, await textOf(response)], path).to.deep.equal([status, '']);
        }
        expect(client.counts).to.deep.equal({ inFlight: 0, permits: 0 });
      });

      it('ends the request of a caller that leaves before the head', async () => {
        const left = state.left;
        const signal = AbortSignal.timeout(50);
        expect(await failureOf(client.demo.get('/never', { ...options, signal }))).to.equal(signal.reason);
        await until(
          () => state.left - left,
          (count) => count === 1,
        );
        await expectEnd('ignored');
      });

      it('repeats the request before the head, and has the body of the last failure', async () => {
        const before = state.requests;
        const response = await client.demo.get('/unavailable', { stream: true });
        expect([response.status, response.notExecuted]).to.deep.equal([503, false]);
        expect(JSON.parse(await textOf(response)).code).to.equal('DATABASE_BUSY');
        expect(state.requests - before).to.equal(3);
        expect(client.counts).to.deep.equal({ inFlight: 0, permits: 0 });
      });
    });

    describe('with both', () => {
      it('passes pieces on while more of them come', async () => {
        const body = new PassThrough();
        body.write('one');
        const response = await client.demo.post('/echo', { body, stream: true });
        const reader = response.body.getReader();
        expect(Buffer.from((await reader.read()).value!).toString()).to.equal('one');
        body.write('two');
        expect(Buffer.from((await reader.read()).value!).toString()).to.equal('two');
        body.end();
        expect((await reader.read()).done).to.equal(true);
        await expectEnd('success');
      });

      it('carries the body of one call to another', async () => {
        const { body } = await client.demo.get('/pieces/40', { stream: true });
        const response = await client.demo.post('/size', { body });
        expect(response.json()).to.include({ size: 40 * PIECE.length });
      });

      it('fails by the source, and counts that for no instance', async () => {
        const { body } = await client.demo.get('/broken', { stream: true });
        const failing = failureOf(client.demo.post('/size', { body }));
        state.break();
        const error = await failing;
        expect(error).to.be.instanceOf(RequestBodyError).with.property('code', 'BAD_UPSTREAM');
        await until(
          () => client.outcomes.length,
          (count) => count === 2,
        );
        expect(client.outcomes.toSorted()).to.deep.equal(['failure', 'ignored']);
      });

      it('releases the source when the reader cancels the response', async () => {
        const body = Readable.from(forever());
        const response = await client.demo.post('/echo', { body, stream: true });
        await response.body.cancel();
        await until(
          () => body.destroyed,
          (destroyed) => destroyed,
        );
        await expectEnd('success');
      });
    });
  });
}
