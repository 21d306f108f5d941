// A server in Python as the upstream of `call(name).grpc`: the implementation of gRPC in C, not that of
// Node.js.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { KnownProtos } from '#src/grpc/known-protos.js';
import type { RpcError } from '#src/rpc-error.js';
import type { RpcCallOptions, RpcResponse } from '#src/upstream/call.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { EVERYTHING } from '#test/server/grpc/kit.js';
import { setUp } from './call-kit.js';
import { endpoint } from './endpoints.js';

/** The Python of Debian, which has the package python3-grpcio. */
const PYTHON = '/usr/bin/python3';

interface Item {
  readonly name: string;
}

describe('a server in Python', () => {
  let server: ChildProcess;
  let transport: GrpcTransport;
  let call: (options: RpcCallOptions, message?: object) => Promise<RpcResponse<Item>>;

  before(async function () {
    await promisify(execFile)(PYTHON, ['-c', 'import grpc']).catch(() => this.skip());
  });
  beforeEach(async () => {
    server = spawn(PYTHON, ['test/grpc/fixtures/server.py'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const [line] = (await once(server.stdout!, 'data')) as [Buffer];
    transport = new GrpcTransport();
    const one = endpoint('one', { service: 'kit', port: Number(line.toString()), protocol: 'grpc', slot: 1 });
    const made = setUp([one], () => expect.fail('sent'), {
      transports: { http: transport, grpc: transport },
      methods: new KnownProtos(new Map([['kit', EVERYTHING]])),
    });
    call = (options, message = { name: 'a' }) => made.call('kit').grpc<Item>('Get', message, options);
  });
  afterEach(async () => {
    await transport.close();
    server.stdin!.end();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  });

  const failureOf = async (options: RpcCallOptions, message?: object): Promise<RpcError> => {
    const error = await call(options, message).then(
      () => expect.fail('the call succeeded'),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(HttpError);
    return error as RpcError;
  };
  const when = (what: string): RpcCallOptions => ({ metadata: { 'x-do': what } });

  it('gets messages and metadata, and sends both', async () => {
    const metadata = { 'x-do': 'metadata', 'x-text': 'hello', 'x-data-bin': new Uint8Array([0, 255]) };
    const { message, headers } = await call({ metadata }, { name: 'ä' });
    expect(message.name).to.equal('ä');
    expect(headers).to.include({ 'x-text': 'hello', 'x-after': '1' });
    expect([...(headers['x-data-bin'] as Uint8Array)]).to.deep.equal([0, 255]);
  });

  it('sends failures with a status, a text and trailers', async () => {
    const error = await failureOf(when('fail'));
    const { code, status, grpc, message } = error;
    expect([code, status, grpc]).to.deep.equal(['FAILED_PRECONDITION', 400, 'FAILED_PRECONDITION']);
    expect(message).to.equal('not in this state: ä');
    expect([...(error.trailers['x-why-bin'] as Uint8Array)]).to.deep.equal([1, 2]);
  });

  it('sends UNKNOWN for a fault of its own', async () => {
    expect(await failureOf(when('raise'))).to.include({ code: 'UNKNOWN', status: 500 });
  });

  it('gets the remaining time', async () => {
    const { headers } = await call({ ...when('time'), timeoutMs: 5_000 });
    expect(Number(headers['x-left-ms'])).to.be.within(1, 5_000);
  });

  it('ends with the deadline, and with the signal of its caller', async () => {
    expect((await failureOf({ ...when('hang'), timeoutMs: 100 })).code).to.equal('DEADLINE_EXCEEDED');
    const counted = async (name: string): Promise<number> =>
      Number((await call(when('count'))).headers[name]);
    const before = await counted('x-hung');
    const controller = new AbortController();
    const left = call({ ...when('hang'), signal: controller.signal }).catch((reason: unknown) => reason);
    while ((await counted('x-hung')) === before);
    controller.abort('left');
    expect(await left).to.equal('left');
    while ((await counted('x-hanging')) > 0);
  });

  it('refuses a message that is too long, which is no failure of the server', async () => {
    const error = await failureOf({}, { name: 'x'.repeat(200_000) });
    expect(error).to.include({ code: 'RESOURCE_EXHAUSTED', status: 429 });
  });

  it('is BAD_UPSTREAM when it ends during a call', async () => {
    const running = failureOf(when('hang'));
    await call({});
    server.kill('SIGKILL');
    expect((await running).code).to.equal('BAD_UPSTREAM');
  });
}).timeout(20_000);
