// The share of the connections of the admin plane for handlers and for event streams (SECURITY.md).
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { AdminConnections } from '#src/admin/admin-connections.js';

const MOST = 512;

describe('the connections of the admin plane', () => {
  function inPhase(phase: 'handler' | 'stream' | 'process', count: number): AdminConnections {
    const connections = new AdminConnections({ most: () => MOST, evicted: () => undefined });
    for (let n = 0; n < count; n++) {
      const socket = new EventEmitter() as Socket;
      expect(connections.add(socket)).to.equal(true);
      connections.move(socket, phase);
    }
    return connections;
  }

  it('run 128 handlers at once; above that only probes are served', () => {
    expect(inPhase('handler', 128).isBusy).to.equal(false);
    expect(inPhase('handler', 129).isBusy).to.equal(true);
  });

  it('may be 256 event streams, of which 64 are kept for processes that share the registry', () => {
    expect(inPhase('stream', 191).hasRoomFor('stream')).to.equal(true);
    expect(inPhase('stream', 192).hasRoomFor('stream')).to.equal(false);
    expect(inPhase('stream', 192).hasRoomFor('process')).to.equal(true);
    expect(inPhase('process', 255).hasRoomFor('stream')).to.equal(true);
    expect(inPhase('process', 256).hasRoomFor('process')).to.equal(false);
  });
});
