// Who may open a connection: everyone while there are plenty, and when nine tenths of MAX_CONNECTIONS are
// open only clients whose address has less than half of them. So no single client keeps the others out. What
// an address has is known only roughly between two counts, so another count is asked for before an address is
// refused.
//
// And which connections close because this worker has more than its share: those with the next responses, as
// many as the primary has ordered.
import { addressKeys } from '../../memory/address-cells.js';
import type { Block } from '../../memory/block.js';
import { ConnectionShares } from '../../memory/connection-shares.js';
import type { Recorder } from '../../memory/metrics/recorder.js';
import { Connections } from '../../memory/open-connections.js';
import { Surplus } from '../../memory/surplus-cells.js';
import { networkOf } from '../route-rate-limits.js';
import type { ConnectionGate } from '../uws/uws.js';

/** Of MAX_CONNECTIONS, from which on an address is held to its share, and that share. */
const [KEPT_FROM, SHARE] = [0.9, 0.5] as const;
/**
 * Another count is asked for from this part of MAX_CONNECTIONS on, when an address seems to have this part of
 * its share.
 */
const [ASKED_FROM, DOUBT] = [0.75, 0.5] as const;

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
  const keepFrom = Math.floor(KEPT_FROM * maxConnections);
  const mostEach = Math.max(1, Math.floor(SHARE * maxConnections));
  const askFrom = Math.floor(ASKED_FROM * maxConnections);
  const doubtful = Math.max(1, Math.floor(DOUBT * mostEach));
  return {
    enter(address) {
      const key = keyOf(networkOf(address()));
      const { total } = connections;
      const held = total < askFrom ? 0 : shares.of(key);
      if (held >= doubtful) shares.askForCount();
      if (total >= keepFrom && held >= mostEach) {
        unfair.add();
        return false;
      }
      if (!connections.enter()) {
        full.add();
        return false;
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
