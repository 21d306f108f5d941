// Faults in what bounds amounts: permits, rates, budgets, connections.
import * as budget from '../checks/budget.js';
import * as bulkhead from '../checks/bulkhead.js';
import * as database from '../checks/database.js';
import * as quotas from '../checks/quotas.js';
import * as rate from '../checks/rate.js';
import { type PlantedFault, planted } from './planted.js';

export const PLANTED_IN_AMOUNTS: readonly PlantedFault[] = [
  planted(
    'a bulkhead that stores its count, so that an update is lost',
    bulkhead.permits,
    'permit-ledger',
    'const seen = Atomics.compareExchange(this.#totals, total, before, before + amount);',
    'const seen = before; Atomics.store(this.#totals, total, before + amount);',
  ),
  planted(
    'a bulkhead with one permit more than its limit',
    bulkhead.permits,
    'permit-ledger',
    'let before = Atomics.load(this.#totals, total);',
    'let before = Atomics.load(this.#totals, total); most++;',
  ),
  planted(
    'a thread that takes without looking whether its operation before was interrupted',
    bulkhead.permitsAfterInterruption,
    'permit-ledger',
    'const at = this.#ready(count) + TAKEN;\n        const total',
    'const at = this.#first + count * OWN_WORDS + TAKEN;\n        const total',
  ),
  planted(
    'a thread that is refused a permit before it looks whether its operation before was interrupted',
    bulkhead.permitsAfterInterruption,
    'permit-ledger',
    'const at = this.#ready(count) + TAKEN;\n        const total',
    'if (this.held(count) + amount > most) return false; const at = this.#ready(count) + TAKEN;\n        const total',
  ),
  planted(
    'a bell that is changed but wakes nobody',
    bulkhead.bell,
    'bulkhead-line',
    'Atomics.notify(this.#words, bell);',
    '',
  ),
  planted(
    'a line in which a silent waiter counts for ever',
    bulkhead.silentWaiter,
    'bulkhead-line',
    '> SAID_FOR_MS',
    '> 1e9',
  ),
  planted(
    'a rate limit that stores the next arrival, so that an admission is lost',
    rate.oneKey,
    'rate-table',
    'Atomics.compareExchange(words, row, low, nextLow) === low',
    'Atomics.store(words, row, nextLow) === nextLow',
  ),
  planted(
    'a rate limit that does not look again after it has charged the overflow row',
    rate.overflow,
    'rate-table',
    'if (buckets.header(bucket) !== header)',
    'if (false)',
  ),
  planted(
    'a claim of a row that does not look whether the key has one',
    rate.lastRow,
    'rate-bucket',
    'if (this.find(bucket, tag) !== ABSENT)',
    'if (false)',
  ),
  planted(
    'a claim that is carried out whatever has become of the row',
    rate.lastRow,
    'rate-bucket',
    'if (lowOf(word) === expectedLow)',
    'if (true)',
  ),
  planted(
    'a row that is given away twice and holds the moment of before again',
    rate.sweep,
    'rate-bucket',
    'if (shared === 0 && Math.abs(lead) <= MOMENTS)',
    'if (false)',
  ),
  planted(
    'a row whose new owner does not go on from the overflow row',
    rate.overflow,
    'rate-bucket',
    'let time = at + shared;',
    'let time = at;',
  ),
  planted(
    'a retry budget in which a call is lost',
    budget.everyCall,
    'budget-cell',
    'Atomics.compareExchange(words, index, count, count + 1) === count',
    'Atomics.store(words, index, count + 1) > count',
  ),
  planted(
    'a retry budget that empties the second of another thread',
    budget.everyCall,
    'budget-cell',
    'Atomics.compareExchange(this.#wide, index >> 1, expected, wordOf(1, second)) === expected',
    'Atomics.store(this.#wide, index >> 1, wordOf(1, second)) > 0n',
  ),
  planted(
    'a token of the trickle that two threads take',
    budget.trickle,
    'budget-cell',
    'Atomics.compareExchange(this.#words, TRICKLE, due, next) === due',
    'Atomics.store(this.#words, TRICKLE, next) === next',
  ),
  planted(
    'a connection that is taken without looking',
    database.connections,
    'database-budget',
    'if (Atomics.compareExchange(this.#permits, index, 0, this.#holder) !== 0)',
    'if (Atomics.store(this.#permits, index, this.#holder) === 0)',
  ),
  planted(
    'a lost worker whose reclaiming frees the connections of all',
    database.connections,
    'database-budget',
    'if (holder < first || holder > last)',
    'if (holder === 0)',
  ),
  planted(
    'pools that let each other go first',
    database.line,
    'database-budget',
    'return later === 0 ? one.place < other.place : later < 0;',
    'return true;',
  ),
  planted(
    'an address whose units are counted after they are judged',
    quotas.address,
    'address-cells',
    'this.add(key, amount);\n        if (this.held(key) <= most)\n            return true;\n        this.add(key, -amount);',
    'if (this.held(key) + amount <= most) {\n            this.add(key, amount);\n            return true;\n        }',
  ),
  planted(
    'a permit that is taken without being announced',
    quotas.quotaAfterDeath,
    'permit-ledger',
    'this.#own[at] = taken + 1; // plain: the atomic operation behind it is a fence',
    '',
  ),
  planted(
    'a census that looks at the threads once',
    quotas.quotaAfterDeath,
    'permit-ledger',
    'if (!isSame(false))',
    'if (false)',
  ),
  planted(
    'a census that is not owed when it did not succeed',
    quotas.connectionsAfterDeath,
    'permit-ledger',
    'if (excess === undefined)\n            Atomics.store(this.#totals, total + OWED, 1);\n        else if (excess !== 0)',
    'if (excess)',
  ),
];
