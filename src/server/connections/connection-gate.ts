// Decides which clients may open a connection: all of them until nine tenths of MAX_CONNECTIONS are open,
// then only those whose address has less than half of MAX_CONNECTIONS. So no single client keeps the others
// out. Between two counts the connections of an address are known only roughly, so another count is requested
// before an address is refused.
//
// It also decides which connections are closed because this worker has more than its share: those of the next
// responses, as many as the primary has ordered.
import { addressKeys } from '../../memory/address-cells.js';
import type { Block } from '../../memory/block.js';
import { ConnectionShares } from '../../memory/connection-shares.js';
import type { Recorder } from '../../memory/metrics/recorder.js';
import { Connections } from '../../memory/open-connections.js';
import { Surplus } from '../../memory/surplus-cells.js';
import { networkOf } from '../client-network.js';
import type { ConnectionGate } from '../http-core.js';

/** The part of MAX_CONNECTIONS from which on an address is held to its share, and that share. */
const [HELD_FROM, SHARE] = [0.9, 0.5] as const;
/**
 * Another count is requested from this part of MAX_CONNECTIONS on, when an address seems to have this part of
 * its share.
 */
const [COUNTED_FROM, DOUBT] = [0.75, 0.5] as const;

export function connectionGate(
  block: Block,
  slot: number,
  maxConnections: number,
  recorder: Recorder,
): ConnectionGate {
  const connections = new Connections(block, slot, maxConnections);
  const shares = new ConnectionShares(block, slot);
  const surplus = new Surplus(block, slot);
  const rebalanced = recorder.counter('multilane_rebalance_connections_closed_total');
  const keyOf = addressKeys(block);
  const shed = (reason: string) => recorder.counter('multilane_requests_shed_total', { reason });
  const [full, unfair] = [shed('max_connections'), shed('connection_share')];
  const holdFrom = Math.floor(HELD_FROM * maxConnections);
  const mostEach = Math.max(1, Math.floor(SHARE * maxConnections));
  const countFrom = Math.floor(COUNTED_FROM * maxConnections);
  const doubtful = Math.max(1, Math.floor(DOUBT * mostEach));
  return {
    enter(address, makesRoom) {
      const key = keyOf(networkOf(address()));
      const { total } = connections;
      const held = total < countFrom ? 0 : shares.of(key);
      if (held >= doubtful) shares.askForCount();
      if (total >= holdFrom && held >= mostEach) {
        unfair.add();
        return false;
      }
      if (!connections.enter()) {
        full.add(); // the connection, or the one that is closed for it
        if (makesRoom?.() !== true || !connections.enter()) return false;
      }
      shares.opened(key);
      return true;
    },
    leave: () => connections.leave(),
    givesUp() {
      if (!surplus.take()) return false;
      rebalanced.add();
      return true;
    },
  };
}
