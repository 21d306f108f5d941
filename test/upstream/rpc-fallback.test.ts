import { expect } from 'chai';
import { type HttpError, NotFoundError } from '#src/errors.js';
import { KnownProtos } from '#src/grpc/known-protos.js';
import { RpcError } from '#src/rpc-error.js';
import { runInScope } from '#src/scope.js';
import type { RpcCallOptions } from '#src/upstream/call.js';
import { EVERYTHING } from '#test/server/grpc/kit.js';
import { broken, type Respond, scopeOf, setUp } from './call-kit.js';
import { endpoint, problem } from './endpoints.js';

interface Item {
  readonly id: string;
  readonly name: string;
}

const one = endpoint('one', { service: 'kit', protocol: 'grpc', local: true, slot: 1 });

describe('the fallback of a call by gRPC', () => {
  let failed = 0;
  const scope = scopeOf({ callFailed: () => void failed++ });
  beforeEach(() => {
    failed = 0;
  });

  function callWith(respond: Respond, options: RpcCallOptions, endpoints = [one]) {
    const kit = setUp(endpoints, respond, { methods: new KnownProtos(new Map([['kit', EVERYTHING]])) });
    const call = runInScope(scope, () => kit.call('kit').grpc<Item>('Get', { id: 1 }, options));
    return { ...kit, end: call.catch((error: unknown) => error as Error) };
  }

  it('stands in for the message, which is as if the service had sent it', async () => {
    const given = { name: 'none' };
    const { end, observed } = callWith(broken, { fallback: () => given });
    const { message, headers, isFallback } = (await end) as never as Record<string, unknown>;
    expect(message).to.deep.include({ id: '0', name: 'none' });
    expect([message === given, headers, isFallback]).to.deep.equal([false, {}, true]);
    expect([observed.at(-1), failed]).to.deep.equal(['fallback kit', 0]);
  });

  it('gets the failure of a service that is not available, and may rethrow it', async () => {
    const errors: HttpError[] = [];
    const fallback = (error: HttpError): never => {
      errors.push(error);
      throw error;
    };
    expect(await callWith(() => problem(503, 'DRAINING'), { fallback }).end).to.equal(errors[0]);
    expect(await callWith(broken, { fallback }, []).end).to.equal(errors[1]);
    expect(errors.map(({ code }) => code)).to.deep.equal(['DRAINING', 'NO_INSTANCE']);
    expect(errors[0]).to.be.instanceOf(RpcError);
    expect(failed).to.equal(2);
  });

  it('is not for other failures, nor for mistakes of the caller', async () => {
    const fallback = (): never => expect.fail('called');
    const failures = [
      callWith(() => problem(404, 'NOT_FOUND'), { fallback }),
      callWith(() => Promise.reject(new NotFoundError('x')), { fallback }),
      callWith(broken, { fallback, retires: 1 } as never),
    ];
    const names = await Promise.all(failures.map(async ({ end }) => ((await end) as Error).constructor.name));
    expect(names).to.deep.equal(['RpcError', 'NotFoundError', 'TypeError']);
  });

  it('fails for a message of another type', async () => {
    const { end } = callWith(broken, { fallback: () => ({ nam: 'x' }) });
    expect(await end)
      .to.be.instanceOf(TypeError)
      .with.property('message')
      .that.includes('"nam"');
  });
});
