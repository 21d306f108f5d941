import { expect } from 'chai';
import type { ServiceDefinition } from '#src/api/service-definition.js';
import { GrpcInstances, type GrpcInstancesOptions } from '#src/primary/grpc-instances.js';
import { silentLog } from '#test/support/silent-log.js';

const FIRST = 3;
const proto = new URL('file:///none.proto');
const grpc = { proto, handlers: () => ({}) };
const routes = (): void => {};
const SERVICES: readonly ServiceDefinition[] = [
  { name: 'plain', routes },
  { name: 'rpc', routes, grpc },
  { name: 'stored', routes, grpc, migrations: new URL('file:///none/') },
];

function setUp(over: Partial<GrpcInstancesOptions> = {}, grpcPort = 50_051) {
  const states: Record<string, string> = {};
  const instances = new GrpcInstances({
    services: SERVICES,
    settings: { grpcPort, grpcTlsCertFile: undefined, zone: 'north' },
    firstWorker: FIRST,
    count: 2,
    host: '127.0.0.1',
    sharing: 'alone',
    log: silentLog,
    registry: {
      registerLocal(service, host, port, { protocol, zone, state } = {}) {
        expect([host, protocol, zone]).to.deep.equal(['127.0.0.1', 'grpc', 'north']);
        states[`${service}:${port}`] = state!;
      },
      setLocalState(service, state, of) {
        states[`${service}:${of!.port}`] = state;
      },
    },
    ...over,
  });
  return { instances, states };
}

describe('gRPC workers as instances of services', () => {
  it('have consecutive ports', () => {
    const { instances } = setUp();
    expect([instances.of(FIRST), instances.of(FIRST + 2)]).to.deep.equal([50_051, 50_053]);
    instances.listening(FIRST, 50_051);
    expect(instances.ports).to.deep.equal([50_051, 50_052]);
  });

  it('keep the free port that the first thread of a worker has got', () => {
    const { instances } = setUp({}, 0);
    expect(instances.of(FIRST)).to.equal(0);
    instances.listening(FIRST, 40_000);
    expect(instances.of(FIRST)).to.equal(40_000);
    expect(instances.ports).to.deep.equal([40_000]);
    expect(instances.of(FIRST + 1)).to.equal(0);
  });

  it('are healthy while they listen and the database of the service is migrated', () => {
    const { instances, states } = setUp();
    instances.listening(FIRST, 50_051);
    expect(states).to.deep.equal({ 'rpc:50051': 'healthy', 'stored:50051': 'starting' });
    instances.migrated('stored');
    expect(states['stored:50051']).to.equal('healthy');
    expect(instances.isSilent(FIRST)).to.equal(false);
    instances.silent(FIRST);
    expect(instances.isSilent(FIRST)).to.equal(true);
    expect(states).to.deep.equal({ 'rpc:50051': 'starting', 'stored:50051': 'starting' });
    instances.listening(FIRST, 50_051);
    expect(instances.isSilent(FIRST)).to.equal(false);
    expect(states['stored:50051']).to.equal('healthy');
    instances.drain();
    expect(states).to.deep.equal({ 'rpc:50051': 'draining', 'stored:50051': 'draining' });
  });

  it('serve unregistered while the registry is full, and are registered when they listen again', () => {
    let isFull = true;
    const registered: string[] = [];
    const { instances } = setUp({
      registry: {
        registerLocal(service) {
          if (isFull) throw new Error('no room');
          registered.push(service);
        },
        setLocalState() {},
      },
    });
    instances.listening(FIRST, 50_051);
    isFull = false;
    instances.silent(FIRST);
    instances.listening(FIRST, 50_051);
    expect(registered).to.deep.equal(['rpc', 'stored']);
  });

  it('are registered for the other services when there is no room for one', () => {
    let isFull = true;
    const registered: string[] = [];
    const { instances } = setUp({
      registry: {
        registerLocal(service) {
          if (isFull && service === 'rpc') throw new Error('no room');
          registered.push(service);
        },
        setLocalState() {},
      },
    });
    instances.listening(FIRST, 50_051);
    expect(registered).to.deep.equal(['stored']);
    isFull = false;
    instances.listening(FIRST, 50_051);
    expect(registered).to.deep.equal(['stored', 'rpc']);
  });

  it('share a port with a predecessor process until they have listened once', () => {
    expect(setUp().instances.isShared(FIRST)).to.equal(false);
    const { instances } = setUp({ sharing: 'beside' });
    expect(instances.isShared(FIRST)).to.equal(true);
    instances.listening(FIRST, 50_051);
    expect([instances.isShared(FIRST), instances.isShared(FIRST + 1)]).to.deep.equal([false, true]);
  });
});
