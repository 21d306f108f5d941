// The share of the connections of the admin plane for handlers and for event streams (SECURITY.md).
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { AdminConnections } from '#src/admin/admin-connections.js';

const MOST = 512;

describe('the connections of the admin plane', () => {
  function inPhase(phase: 'handler' | 'stream', count: number): AdminConnections {
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

  it('may be 256 event streams', () => {
    expect(inPhase('stream', 255).hasRoomForStream).to.equal(true);
    expect(inPhase('stream', 256).hasRoomForStream).to.equal(false);
  });
});
