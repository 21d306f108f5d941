// Faults for the checker to find, so that a check that finds nothing says something: each changes a few words of the built
// code, and one of the checks must find it.
import type { Check } from './check.js';
import * as breaker from './checks/breaker.js';
import * as budget from './checks/budget.js';
import * as bulkhead from './checks/bulkhead.js';
import * as census from './checks/census.js';
import * as claims from './checks/claims.js';
import * as database from './checks/database.js';
import * as ejection from './checks/ejection.js';
import * as names from './checks/names.js';
import * as pages from './checks/pages.js';
import * as quotas from './checks/quotas.js';
import * as rate from './checks/rate.js';
import type { Patch } from './small-memory.js';

export interface PlantedFault extends Patch {
  readonly fault: string;
  readonly check: Check;
}

const planted = (
  fault: string,
  check: Check,
  module: Patch['module'],
  from: string,
  to: string,
): PlantedFault => ({ fault, check, module, from, to });

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  planted(
    'a bulkhead that stores its count, so that an update is lost',
    bulkhead.permits,
    'bulkhead-cells',
    'Atomics.compareExchange(held, index, before, before + 1) === before',
    'Atomics.store(held, index, before + 1) > before',
  ),
  planted(
    'a bulkhead with one permit more than its limit',
    bulkhead.permits,
    'bulkhead-cells',
    'before >= most',
    'before > most',
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
    'a breaker that lets one probe too many through',
    breaker.ignoredProbe,
    'breaker-cell',
    'if (takenOf(low) < this.#rule.probes)',
    'if (takenOf(low) <= this.#rule.probes)',
  ),
  planted(
    'a probe that is stuck for ever',
    breaker.lostProbe,
    'breaker-cell',
    'elapsed(now, since) >= this.#rule.probeMs',
    'false',
  ),
  planted(
    'a breaker that closes by a success of a past period',
    breaker.lateProbe,
    'breaker-cell',
    'if (epochOf(low) !== epoch || modeOf(low) !== HALF_OPEN)',
    'if (false)',
  ),
  planted(
    'a breaker that opens by calls of before a reset',
    breaker.otherEndpoint,
    'breaker-cell',
    'if (epochOf(low) !== epoch || modeOf(low) !== CLOSED)',
    'if (false)',
  ),
  planted(
    'a window that stores its count, so that a failure is lost',
    breaker.opensOnce,
    'breaker-window',
    'if (Atomics.compareExchange(words, index, old, next) === old)',
    'if (Atomics.store(words, index, next) === next)',
  ),
  planted(
    'a window that is said to be clean before it is',
    breaker.staleWindow,
    'breaker-window',
    'const last = Atomics.load(this.#words, index);',
    'const last = Atomics.load(this.#words, index); Atomics.compareExchange(this.#words, index, last, span);',
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
    'a lost worker whose reclaiming frees the calls of all',
    claims.singleFlight,
    'call-claims',
    '(word & SLOT_MASK) === slot',
    'true',
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
    'an ejection that does not take its turn',
    ejection.half,
    'ejection-cells',
    'if (Atomics.compareExchange(this.#wholeTurn, 0, turn, mine) === turn)',
    'if (Atomics.store(this.#wholeTurn, 0, mine) === mine)',
  ),
  planted(
    'a turn of the past that ejects',
    ejection.pastTurn,
    'ejection-cells',
    ' && BigInt(sequenceOf(low)) === turn >> 32n',
    '',
  ),
  planted(
    'a turn that ejects once it is seen to be still that, though it may end before',
    { ...ejection.pastTurn, interruptions: 3 },
    'ejection-cells',
    'BigInt(sequenceOf(low)) === turn >> 32n',
    'this.version() === number',
  ),
  planted(
    'a turn that nobody ends, so that others help for ever',
    ejection.half,
    'ejection-cells',
    'Atomics.compareExchange(this.#turn, 0, turn, (turn + CHANGE) & ~TURN_MASK);',
    '',
  ),
  planted(
    'an address whose units are counted after they are judged',
    quotas.address,
    'address-cells',
    'this.add(key, amount);\n        if (this.held(key) <= most)\n            return true;\n        this.add(key, -amount);',
    'if (this.held(key) + amount <= most) {\n            this.add(key, amount);\n            return true;\n        }',
  ),
  planted(
    'a quota that stores its count',
    quotas.quota,
    'quota-cells',
    'Atomics.compareExchange(this.#held, this.#index, before, before + amount) === before',
    'Atomics.store(this.#held, this.#index, before + amount) > before',
  ),
  planted(
    'a call that ends twice over',
    quotas.endpointReset,
    'endpoint-cells',
    'if (Atomics.compareExchange(this.#held, index, held, held - 1) === held)',
    'if (Atomics.store(this.#held, index, held - 1) < held)',
  ),
  planted(
    'one connection more than the limit',
    quotas.connections,
    'connections',
    'Atomics.add(this.#total, 0, 1) >= this.#limit',
    'Atomics.add(this.#total, 0, 1) > this.#limit',
  ),
  planted(
    'numbers of a name that the last thread decides',
    names.terms,
    'names',
    'Atomics.compareExchange(words, index, 0, term + 1);',
    'Atomics.load(words, index); if (before === 0) Atomics.store(words, index, term + 1);',
  ),
  planted(
    'a slot that two threads give back',
    names.slots,
    'part',
    'if (Atomics.compareExchange(words, 0, thread + 1, RECLAIMED) !== thread + 1)',
    'if (Atomics.store(words, 0, RECLAIMED) !== RECLAIMED)',
  ),
  planted(
    'a snapshot that is written over the one that is read',
    pages.snapshot,
    'snapshot-page',
    '((version >> 1) & 1)',
    '0',
  ),
  planted(
    'a reader that does not look whether its page was written again',
    pages.snapshot,
    'snapshot-page',
    'if (((Atomics.load(this.#version, 0) - version) | 0) > 2)',
    'if (false)',
  ),
  planted(
    'a reader that waits for a writer in the middle of a text',
    pages.snapshot,
    'snapshot-page',
    'if (((Atomics.load(this.#version, 0) - version) | 0) > 2)',
    'if (Atomics.load(this.#version, 0) !== version)',
  ),
  planted(
    'a carry that readers are not told of',
    pages.wide,
    'wide',
    'Atomics.store(words, at + CARRY, carry | 1);',
    '',
  ),
  planted(
    'a reader of requests that looks at the head once',
    pages.flights,
    'flight-recorder',
    'if (Atomics.load(words, at + HEAD) !== head)',
    'if (false)',
  ),
  planted(
    'a count of connections that nobody is woken for',
    census.asked,
    'connection-shares',
    'Atomics.notify(this.#asked, 0);',
    '{}',
  ),
  planted(
    'a count of connections that takes what opens meanwhile for what was there',
    census.census,
    'connection-shares',
    'cells[low & (CELLS - 1)] += count;',
    'cells[low & (CELLS - 1)] += count - this.#cells.othersNow()[low & (CELLS - 1)] - cells[low & (CELLS - 1)];',
  ),
];
